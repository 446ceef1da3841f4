"""What is remembered of deleted spans is the latest time that was noted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from llmtrace.store.spans_since import note_spans_since, spans_since
from tests.store.calls import NOON

if TYPE_CHECKING:
    from llmtrace.store import Writer


def test_spans_are_whole_until_some_are_deleted_and_then_from_the_last_time_on(
    writer: Writer,
) -> None:
    noon = NOON.replace(tzinfo=None)
    assert writer.transaction(spans_since) is None

    for moment in (noon - timedelta(days=1), noon):
        writer.transaction(lambda transaction, moment=moment: note_spans_since(transaction, moment))

    assert writer.transaction(spans_since) == noon
