"""Nobody can tell, whatever a provider answers and whatever an app asks: found by hypothesis."""

from __future__ import annotations

import copy
import functools
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import llmtrace
from llmtrace.testing.provider import Reply
from llmtrace.testing.provider.events import Event
from tests.instrument.behaviours import Behaviour
from tests.instrument.casts import CASTS
from tests.instrument.differential import Cast, Seen, Stage, adapted, assert_nobody_can_tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.instrument.differential import Shape

bounded = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

TEXTS = st.text(max_size=12) | st.sampled_from(["", "\ud800", "\x00", "9" * 400, "[DONE]", "null"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=True)
    | TEXTS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "index", "usage", "id"]) | TEXTS,
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 50), st.lists(st.integers(0, 8), max_size=6), JSON), max_size=4
)
CUTS = st.none() | st.integers(0, 1500)
CHUNKS = st.none() | st.integers(1, 64)

ALL_SHAPES = [
    pytest.param(cast, cast.shapes[name], id=f"{cast.name}-{name}")
    for cast in CASTS
    for name in cast.fuzzed
]


def _changed(value: Any, path: Sequence[int], new: Any) -> Any:
    """Return ``value`` with what lies at ``path`` (indices, wrapped around) replaced, or added."""
    if not path or not isinstance(value, dict | list) or not value:
        return copy.deepcopy(new)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[path[0] % len(value)]
    value[key] = _changed(value[key], path[1:], new)
    return value


def mutated(changes: Any, *, drop: int | None, double: int | None) -> Any:
    """Return an edit of a natural answer: values replaced, one event dropped, one repeated."""

    def edit(events: list[Event], _api: str) -> list[Event]:
        made = [Event(copy.deepcopy(event.data), name=event.name) for event in events]
        for at, path, new in changes:
            index = at % len(made)
            data = _changed(made[index].data, path, new)
            # Text would go out as it is, unquoted: that is what the next test is about.
            made[index] = Event([data] if isinstance(data, str) else data, name=made[index].name)
        if double is not None:
            made.append(made[double % len(made)])
        if drop is not None and len(made) > 1:
            del made[drop % len(made)]
        return made

    return edit


def play(stage: Stage, cast: Cast, shape: Shape, behaviour: Behaviour) -> None:
    """Compare one example, in a home folder of its own."""
    with tempfile.TemporaryDirectory() as home:
        try:
            assert_nobody_can_tell(stage, Path(home), cast, shape, behaviour)
        finally:
            llmtrace.uninstrument()


def each_of(case: str, count: int, **drawn: Any) -> Callable[[Callable[..., None]], None]:
    """Run a function with ``count`` examples: always the same for a case, others for the next.

    A failing build fails again, every build costs the same, and no case repeats another's examples.
    """
    its_own = seed(zlib.crc32(case.encode()))
    return lambda function: its_own(
        settings(bounded, max_examples=count)(given(**drawn)(function))
    )()


@pytest.mark.parametrize(("cast", "shape"), ALL_SHAPES)
def test_any_change_to_an_answer_gives_the_same(
    stage: Stage, request: pytest.FixtureRequest, cast: Cast, shape: Shape
) -> None:
    def holds(*, changes: Any, drop: Any, double: Any, cut: Any, chunk: Any, zipped: bool) -> None:
        reply = Reply(
            edit=mutated(changes, drop=drop, double=double),
            cut=None if cut is None else lambda body: min(cut, len(body)),
            chunk_bytes=chunk,
            is_gzipped=zipped,
        )

        play(stage, cast, shape, Behaviour((reply,)))

    each_of(
        request.node.name, 12, changes=CHANGES, drop=CUTS, double=CUTS, cut=CUTS, chunk=CHUNKS,
        zipped=st.booleans(),
    )(holds)  # fmt: skip


PIECES = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [b"data: ", b"event: x\n", b"\n\n", b"data: {}\n\n", b"data: [DONE]\n\n", b"{", b"[]"]
    ),
    max_size=8,
)
ENCODINGS = st.sampled_from(["", "gzip", "deflate", "nonsense"])


@pytest.mark.parametrize(("cast", "shape"), ALL_SHAPES)
def test_any_bytes_give_the_same(
    stage: Stage, request: pytest.FixtureRequest, cast: Cast, shape: Shape
) -> None:
    # Where a body is not what it says, aiohttp 3.14 raises or waits by chance.
    is_fickle = cast.sdk.lost_async.startswith("aiohttp.") and cast.is_async

    def holds(*, pieces: list[bytes], encoding: str) -> None:
        headers = {"content-encoding": encoding} if encoding and not is_fickle else {}

        play(stage, cast, shape, Behaviour((Reply(pieces=tuple(pieces), headers=headers),)))

    each_of(request.node.name, 8, pieces=PIECES, encoding=ENCODINGS)(holds)


ODD = SCALARS | st.binary(max_size=5) | st.builds(object) | st.sets(st.integers(), max_size=2)
ANYTHING = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)
TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | ANYTHING},
    optional={"content": ANYTHING, "tool_calls": ANYTHING, "name": ANYTHING},
)
ARGUMENTS = st.fixed_dictionaries(
    {"model": TEXTS | ANYTHING, "messages": st.lists(TURNS, max_size=3) | ANYTHING},
    optional={
        "stream": st.booleans() | ANYTHING,
        "temperature": ANYTHING,
        "max_tokens": st.integers(1, 9) | ANYTHING,
        "tools": ANYTHING,
        "stop": ANYTHING,
        "metadata": ANYTHING,
        "extra_body": st.none() | st.dictionaries(TEXTS, ANYTHING, max_size=2) | ANYTHING,
        "extra_headers": st.dictionaries(st.sampled_from(["x-a", "x-b"]), TEXTS, max_size=2),
    },
)


NAMED = {"openai": "chat.completions.create", "anthropic": "messages.create"}
"""SDK → the method that meets random arguments."""


@pytest.mark.parametrize(
    "cast", [pytest.param(cast, id=cast.name) for cast in CASTS if cast.sdk.name in NAMED]
)
def test_any_arguments_give_the_same(
    stage: Stage, request: pytest.FixtureRequest, cast: Cast
) -> None:
    def holds(*, arguments: dict[str, Any]) -> None:
        async def shape(client: Any, seen: Seen) -> None:
            made: list[int] = []
            client.request = lambda *a, **k: made.append(1) or type(client).request(client, *a, **k)
            renamed = copy.copy(arguments)
            if cast.sdk.name == "anthropic" and "stop" in renamed:
                renamed["stop_sequences"] = renamed.pop("stop")
            create = functools.reduce(getattr, NAMED[cast.sdk.name].split("."), client)
            try:
                seen.see("result", await adapted(create(**renamed)))
            finally:
                del client.request
                seen.made = len(made)

        play(stage, cast, shape, Behaviour())

    each_of(request.node.name, 20, arguments=ARGUMENTS)(holds)
