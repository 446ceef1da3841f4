"""What apps hand to an SDK that no documentation shows: lazy, odd, wrong, unserialisable."""

from __future__ import annotations

import decimal
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tests.instrument.differential import adapted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrument.contract.apis import Api
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
MODELS: dict[str, Any] = {
    "none": None,
    "number": 7,
    "object": object(),
    "loud": Loud(),
    "subclassed_text": type("Name", (str,), {})("gpt-4o-mini"),
}
TEXTS: dict[str, Any] = {
    "none": None,
    "number": 7,
    "empty": "",
    "object": object(),
    "loud": Loud(),
    "bytes": b"\xff\x00",
    "set": {"a"},
    "decimal": decimal.Decimal(1),
    "surrogate": "half \ud800 pair",
    "nan": float("nan"),
    "list": ["Hello", "there"],
}
"""What stands where a user's text should."""
ARGUMENTS: dict[str, dict[str, Any]] = {
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


def shapes(api: Api) -> dict[str, Shape]:
    """Return the shapes that call ``api`` with all of the above."""
    found = {
        f"text_{name}": _shape(api, lambda _, t=text: api.asked(t)) for name, text in TEXTS.items()
    }
    if "messages" in api.asked(""):
        found |= {
            f"messages_{name}": _shape(api, lambda seen, make=make: {"messages": make(seen)})
            for name, make in MESSAGES.items()
        }
    found |= {
        f"model_{name}": _shape(api, lambda _, m=model: {api.model_argument: m})
        for name, model in MODELS.items()
    }
    found |= {name: _shape(api, lambda _, m=more: m) for name, more in ARGUMENTS.items()}
    return found | {f"without_{name}": _shape(api, drop=name) for name in api.arguments("")}


def _shape(api: Api, change: Any = lambda _: {}, drop: str = "") -> Shape:
    async def shape(client: Any, seen: Seen) -> None:
        Touchy.looks = 0
        given = {**api.arguments("Hello"), **change(seen)}
        given.pop(drop, None)
        after = _count_requests(client, seen) if api.sdk.tells_attempts else lambda: None
        try:
            seen.see("result", await adapted(api.send(client, given)))
        finally:
            seen.log.append(("looks", Touchy.looks))
            after()

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
