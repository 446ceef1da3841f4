"""Nobody can tell: every call shape × what providers do, with and without instrumentation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.testing.provider import Reply
from tests.instrument.behaviours import BEHAVIOURS, CONTENT, EVERYWHERE, SOME, STREAMED, Behaviour
from tests.instrument.casts import CASTS
from tests.instrument.differential import Cast, Stage, assert_nobody_can_tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.instrument.differential import Shape


IS_BRIEF = os.environ.get("DIFFERENTIAL") == "brief"
"""Set for the older majors, each in an environment of its own: same shapes, fewer behaviours."""


def _behaviours(cast: Cast, name: str) -> Iterable[str]:
    """Return what a provider does to that shape of that cast."""
    turn = list(cast.shapes).index(name)
    if name in cast.core:
        if IS_BRIEF:
            return [*EVERYWHERE, *_taking_turns(cast, turn, SOME[len(EVERYWHERE) :])]
        if not cast.sdk.shows_http:
            return SOME
        content = set(_taking_turns(cast, turn, [each for each in BEHAVIOURS if each in CONTENT]))
        return [each for each in BEHAVIOURS if each not in CONTENT or each in content]
    usual = STREAMED if name in cast.streams else EVERYWHERE
    if IS_BRIEF:
        # A cloud's client has no core: it has the classes of its SDK's first one.
        return usual[:2] if cast.core else _taking_turns(cast, turn, usual[:1])
    if cast.is_door:  # each bad one meets each shape at some of the doors
        return (usual[0], usual[1 + (turn + CASTS.index(cast)) % (len(usual) - 1)])
    return usual


def _taking_turns(cast: Cast, turn: int, all_of: Sequence[str]) -> Sequence[str]:
    """Return every second one, the async client those that the sync one has not; all for one alone.

    What one of them gets from one shape, the other gets from the next.
    """
    return all_of[(turn + cast.is_async) % 2 :: 2] if cast.sdk.has_async else all_of


def _each(kind: str, wanted: Iterable[Cast] = CASTS) -> list[Any]:
    """Return a case for each shape of that kind."""
    return [
        pytest.param(cast, shape, id=f"{cast.name}-{name}")
        for cast in wanted
        for name, shape in getattr(cast, kind).items()
    ]


CASES = [
    pytest.param(cast, shape, BEHAVIOURS[behaviour], id=f"{cast.name}-{name}-{behaviour}")
    for cast in CASTS
    for name, shape in cast.shapes.items()
    for behaviour in _behaviours(cast, name)
]


@pytest.mark.parametrize(("cast", "shape", "behaviour"), CASES)
def test_a_caller_sees_the_same_with_and_without(
    stage: Stage, tmp_path: Path, cast: Cast, shape: Shape, behaviour: Behaviour
) -> None:
    assert_nobody_can_tell(stage, tmp_path, cast, shape, behaviour)


@pytest.mark.parametrize(("cast", "shape"), _each("cancelled", [c for c in CASTS if c.is_async]))
def test_a_cancelled_reader_sees_the_same(
    stage: Stage, tmp_path: Path, cast: Cast, shape: Shape
) -> None:
    slow = Behaviour((Reply(chunk_delay_s=0.2),))

    assert_nobody_can_tell(stage, tmp_path, cast, shape, slow)


@pytest.mark.parametrize(
    "cast", [pytest.param(cast, id=cast.name) for cast in CASTS if cast.sdk.has_timeout]
)
def test_a_timeout_is_the_same(stage: Stage, tmp_path: Path, cast: Cast) -> None:
    shape = next(iter(cast.shapes.values()))
    silent = Behaviour((Reply(delay_s=5),))

    try:
        assert_nobody_can_tell(stage, tmp_path, cast, shape, silent, timeout_s=0.4)
    except AssertionError:
        # A machine so busy that the time was over before the request was out: another exception.
        again = tmp_path / "again"
        again.mkdir()
        assert_nobody_can_tell(stage, again, cast, shape, silent, timeout_s=3)


@pytest.mark.parametrize(("cast", "shape"), _each("hostile"))
def test_hostile_arguments_give_the_same(
    stage: Stage, tmp_path: Path, cast: Cast, shape: Shape
) -> None:
    assert_nobody_can_tell(stage, tmp_path, cast, shape, Behaviour())
