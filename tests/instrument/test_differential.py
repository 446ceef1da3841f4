"""Nobody can tell: every call shape × what providers do, with and without instrumentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.testing.provider import Reply
from tests.instrument import endings, hostile, shapes_anthropic, shapes_openai
from tests.instrument.behaviours import BEHAVIOURS, EVERYWHERE, STREAMED, Behaviour
from tests.instrument.differential import CLIENTS, Seen, Stage, assert_nobody_can_tell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.instrument.differential import Shape


def _behaviours(shapes: Any, name: str) -> Iterable[str]:
    if name in shapes.CORE:
        return BEHAVIOURS
    return STREAMED if name in shapes.STREAMS else EVERYWHERE


CASES = [
    pytest.param(kind, shape, BEHAVIOURS[behaviour], id=f"{kind}-{name}-{behaviour}")
    for kind in CLIENTS
    for shapes in (shapes_openai if kind.startswith("openai") else shapes_anthropic,)
    for name, shape in shapes.SHAPES.items()
    for behaviour in _behaviours(shapes, name)
]
CANCELLED: list[Any] = [
    pytest.param("openai-async", endings.ended(endings.cancelled, start), id=start.__name__)
    for start in (shapes_openai.open_chat, shapes_openai.open_response)
] + [
    pytest.param(
        "anthropic-async",
        endings.ended(endings.cancelled, shapes_anthropic.open_message),
        id="open_message",
    )
]


def impatient(shape: Shape) -> Shape:
    """Return ``shape`` with a client that waits for 50 ms only."""

    async def hurried(client: Any, seen: Seen) -> None:
        await shape(client.with_options(timeout=0.05), seen)

    return hurried


@pytest.mark.parametrize(("kind", "shape", "behaviour"), CASES)
def test_a_caller_sees_the_same_with_and_without(
    stage: Stage, tmp_path: Path, kind: str, shape: Shape, behaviour: Behaviour
) -> None:
    assert_nobody_can_tell(stage, tmp_path, kind, shape, behaviour)


@pytest.mark.parametrize(("kind", "shape"), CANCELLED)
def test_a_cancelled_reader_sees_the_same(
    stage: Stage, tmp_path: Path, kind: str, shape: Shape
) -> None:
    slow = Behaviour((Reply(chunk_delay_s=0.2),))

    assert_nobody_can_tell(stage, tmp_path, kind, shape, slow)


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_timeout_is_the_same(stage: Stage, tmp_path: Path, kind: str) -> None:
    shapes = shapes_openai if kind.startswith("openai") else shapes_anthropic
    silent = Behaviour((Reply(delay_s=5),))

    assert_nobody_can_tell(
        stage, tmp_path, kind, impatient(next(iter(shapes.CORE.values()))), silent
    )


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        pytest.param(kind, shape, id=f"{kind}-{name}")
        for kind in CLIENTS
        for name, shape in hostile.SHAPES[kind.partition("-")[0]].items()
    ],
)
def test_hostile_arguments_give_the_same(
    stage: Stage, tmp_path: Path, kind: str, shape: Shape
) -> None:
    assert_nobody_can_tell(stage, tmp_path, kind, shape, Behaviour())
