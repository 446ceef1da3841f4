"""What apps hand to an SDK that no documentation shows: lazy, odd, wrong, unserialisable."""

from __future__ import annotations

import decimal
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tests.instrument import shapes_anthropic, shapes_openai
from tests.instrument.differential import adapted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrument.differential import Seen, Shape

_TEXT = {"role": "user", "content": "Hello"}


class Turn(BaseModel):
    """A message as a pydantic model of the app's own."""

    role: str = "user"
    content: str = "Hello"


class Touchy(dict[str, Any]):
    """A dict that notes who looks at it."""

    looks = 0

    def __getitem__(self, key: str) -> Any:
        type(self).looks += 1
        return super().__getitem__(key)


class Loud:
    """Nothing of it works: neither repr, nor truth, nor comparison."""

    def __repr__(self) -> str:
        raise RuntimeError("do not show me")

    __str__ = __repr__

    def __bool__(self) -> bool:
        raise RuntimeError("do not ask me")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare me")

    __hash__ = None  # type: ignore[assignment]  # unhashable, too


def _generator(seen: Seen) -> Iterator[dict[str, str]]:
    seen.log.append(("generator", "started"))
    yield {"role": "user", "content": "One"}
    seen.log.append(("generator", "went on"))
    yield {"role": "user", "content": "Two"}
    seen.log.append(("generator", "ended"))


def _failing() -> Iterator[dict[str, str]]:
    yield {"role": "user", "content": "One"}
    raise RuntimeError("the app's generator failed")


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append({"role": "user", "content": circle})
    return circle


MESSAGES: dict[str, Any] = {
    "generator": _generator,
    "failing_generator": lambda _: _failing(),
    "tuple": lambda _: ({"role": "user", "content": "Hello"},),
    "none": lambda _: None,
    "text": lambda _: "Hello",
    "number": lambda _: 7,
    "empty": lambda _: [],
    "model_objects": lambda _: [Turn()],
    "objects": lambda _: [object()],
    "loud": lambda _: [{"role": "user", "content": Loud()}],
    "bytes": lambda _: [{"role": "user", "content": b"\xff\x00"}],
    "set": lambda _: [{"role": "user", "content": {"a"}}],
    "decimal": lambda _: [{"role": "user", "content": decimal.Decimal(1)}],
    "date": lambda _: [{"role": "user", "content": date(2026, 1, 1)}],
    "surrogate": lambda _: [{"role": "user", "content": "half \ud800 pair"}],
    "nan": lambda _: [{"role": "user", "content": float("nan")}],
    "circle": lambda _: _circle(),
    "subclassed_dict": lambda _: [Touchy(_TEXT)],
    "number_keys": lambda _: [{1: 2, "role": "user", "content": "Hello"}],
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "model_none": {"model": None},
    "model_number": {"model": 7},
    "model_object": {"model": object()},
    "model_loud": {"model": Loud()},
    "model_subclassed_text": {"model": type("Name", (str,), {})("gpt-4o-mini")},
    "unknown_argument": {"not_an_argument": 1},
    "extra_body_object": {"extra_body": {"x": object()}},
    "extra_body_list": {"extra_body": [1]},
    "extra_body_overrides": {"extra_body": {"model": "other", "stream": False}},
    "extra_body_none": {"extra_body": None},
    "extra_headers": {"extra_headers": {"x-one": "1", "authorization": "Bearer other"}},
    "extra_headers_bad": {"extra_headers": {"x-bad": "line\nbreak"}},
    "extra_headers_number": {"extra_headers": {"x-bad": 1}},
    "extra_query": {"extra_query": {"a": ["1", "2"], "b": None}},
    "timeout_text": {"timeout": "soon"},
    "stream_text": {"stream": "yes"},
    "stream_number": {"stream": 1},
    "temperature_text": {"temperature": "hot"},
    "tools_text": {"tools": "hammer"},
    "stop_object": {"stop": object(), "stop_sequences": object()},
    "stream_options_odd": {"stream": True, "stream_options": 7},
}


def _with_messages(base: dict[str, Any], make: Any, path: str) -> Shape:
    async def shape(client: Any, seen: Seen) -> None:
        Touchy.looks = 0
        given = {**base, "messages": make(seen)}
        after = _count_requests(client, seen)
        try:
            seen.see("result", await adapted(_method(client, path)(**given)))
        finally:
            seen.log.append(("looks", Touchy.looks))
            after()

    return shape


def _with_arguments(base: dict[str, Any], more: dict[str, Any], path: str) -> Shape:
    async def shape(client: Any, seen: Seen) -> None:
        after = _count_requests(client, seen)
        try:
            seen.see("result", await adapted(_method(client, path)(**{**base, **more})))
        finally:
            after()

    return shape


def _without(base: dict[str, Any], name: str, path: str) -> Shape:
    async def shape(client: Any, seen: Seen) -> None:
        given = {key: value for key, value in base.items() if key != name}
        await adapted(_method(client, path)(**given))

    return shape


def _count_requests(client: Any, seen: Seen) -> Any:
    """Count the calls of this client's ``request``: a bad argument may stop it before the wire."""
    made = []

    def counting(*args: Any, **kwargs: Any) -> Any:
        made.append(1)
        return type(client).request(client, *args, **kwargs)

    client.request = counting

    def done() -> None:
        del client.request
        seen.made = len(made)

    return done


def _method(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def _all(base: dict[str, Any], path: str) -> dict[str, Shape]:
    shapes = {
        f"messages_{name}": _with_messages(base, make, path) for name, make in MESSAGES.items()
    }
    shapes |= {name: _with_arguments(base, more, path) for name, more in ARGUMENTS.items()}
    return shapes | {f"without_{name}": _without(base, name, path) for name in base}


SHAPES: dict[str, dict[str, Shape]] = {
    "openai": _all(shapes_openai.CHAT, "chat.completions.create"),
    "anthropic": _all(shapes_anthropic.MESSAGE, "messages.create"),
}
