"""The drain: every frame once, whatever was killed, cut, flipped, sent twice or never valid."""

from __future__ import annotations

import os
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import StoreUnreachableError
from llmtrace.otlp.rows import leave_unpriced
from llmtrace.spool import SegmentWriter, list_segments
from llmtrace.store import Drain, Drained, Writer, reading_ahead, segment_chunks
from llmtrace.store.chunks import Reading
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

CLOCK = count(1_700_000_000_000_000_000)


def an_app(home: Path, *payloads: bytes, folder: str = "spool") -> SegmentWriter:
    app = SegmentWriter(home / folder, now_ns=lambda: next(CLOCK), pid=os.getpid())
    for payload in payloads:
        app.append(payload)
    return app


def a_drain(home: Path, writer: Writer) -> Drain:
    return Drain(home, writer, Reading(leave_unpriced))


def stored(writer: Writer) -> list[int]:
    return writer.sql("select span_id from spans order by span_id").column("span_id").to_pylist()


def test_what_a_living_app_wrote_is_stored_and_its_segment_kept(
    tmp_path: Path, writer: Writer
) -> None:
    app = an_app(tmp_path, request(span(1), span(2)), request(span(3)))

    done = a_drain(tmp_path, writer).run()

    assert done == Drained(stored=3)
    assert stored(writer) == [1, 2, 3]
    assert len(list_segments(tmp_path / "spool")) == 1
    app.close()


def test_a_second_run_takes_only_what_is_new(tmp_path: Path, writer: Writer) -> None:
    app = an_app(tmp_path, request(span(1)))
    drain = a_drain(tmp_path, writer)
    drain.run()

    nothing = drain.run()
    app.append(request(span(2)))
    more = drain.run()

    assert nothing == Drained()
    assert more == Drained(stored=1)
    app.close()


def test_another_drain_goes_on_where_the_last_one_was(tmp_path: Path, writer: Writer) -> None:
    app = an_app(tmp_path, request(span(1)))
    a_drain(tmp_path, writer).run()
    app.append(request(span(2)))

    done = a_drain(tmp_path, writer).run()

    assert done == Drained(stored=1)
    app.close()


def test_the_finished_segment_of_an_app_that_is_gone_is_removed_and_forgotten(
    tmp_path: Path, writer: Writer
) -> None:
    an_app(tmp_path, request(span(1))).close()

    a_drain(tmp_path, writer).run()

    assert list_segments(tmp_path / "spool") == []
    assert writer.offsets() == {}


def test_spool_and_log_are_both_taken(tmp_path: Path, writer: Writer) -> None:
    an_app(tmp_path, request(span(1)), folder="spool").close()
    an_app(tmp_path, request(span(2)), folder="wal").close()

    a_drain(tmp_path, writer).run()

    assert stored(writer) == [1, 2]


def test_a_request_sent_twice_is_stored_once(tmp_path: Path, writer: Writer) -> None:
    same = request(span(1), span(2))
    an_app(tmp_path, same, same).close()
    drain = a_drain(tmp_path, writer)
    first = drain.run()
    an_app(tmp_path, same).close()

    again = drain.run()

    assert first == Drained(stored=2, duplicates=2)
    assert again == Drained(duplicates=2)
    assert stored(writer) == [1, 2]


def test_spans_that_come_again_in_another_batch_are_stored_once(
    tmp_path: Path, writer: Writer
) -> None:
    an_app(tmp_path, request(span(1), span(2)), request(span(2), span(3))).close()

    done = a_drain(tmp_path, writer).run()

    assert done == Drained(stored=3, duplicates=1)
    assert stored(writer) == [1, 2, 3]


def test_a_request_that_is_no_otlp_is_put_aside_and_counted_once(
    tmp_path: Path, writer: Writer
) -> None:
    an_app(tmp_path, request(span(1)), b"poison", request(span(2))).close()
    drain = a_drain(tmp_path, writer)

    done = drain.run()
    again = drain.run()

    (letter,) = (tmp_path / "deadletter").glob("*.otlp")
    assert letter.read_bytes() == b"poison"
    assert done == Drained(stored=2, dead_letters=1)
    assert again == Drained()
    assert writer.counts() == {"dead_letters": 1}


def test_a_span_that_the_pricer_chokes_on_does_not_hold_up_the_others(
    tmp_path: Path, writer: Writer
) -> None:
    def choosy(row: SpanRow) -> SpanRow:
        if row.span_id == 2:
            raise ZeroDivisionError
        return row

    an_app(tmp_path, *(request(span(number)) for number in (1, 2, 3))).close()

    done = Drain(tmp_path, writer, Reading(choosy)).run()

    assert done == Drained(stored=2, dead_letters=1)
    assert stored(writer) == [1, 3]


def test_a_row_that_the_store_cannot_hold_does_not_hold_up_the_others(
    tmp_path: Path, writer: Writer
) -> None:
    def overpriced(row: SpanRow) -> SpanRow:
        return row._replace(cost_usd=Decimal(10) ** 12) if row.span_id == 2 else row

    an_app(tmp_path, *(request(span(number)) for number in (1, 2, 3))).close()

    done = Drain(tmp_path, writer, Reading(overpriced)).run()

    assert done == Drained(stored=2, dead_letters=1)
    assert stored(writer) == [1, 3]
    assert list_segments(tmp_path / "spool") == []


def test_calls_without_a_price_are_priced_and_priced_ones_left_alone(
    tmp_path: Path, writer: Writer
) -> None:
    def flat(row: SpanRow) -> SpanRow:
        return row._replace(cost_usd=Decimal("0.5"), cost_source="list")

    priced = {
        "gen_ai.operation.name": "chat",
        "llmtrace.cost.source": "provider",
        "llmtrace.cost.total_usd": 2.0,
    }
    tool = {"gen_ai.operation.name": "execute_tool"}
    an_app(tmp_path, request(span(1), span(2, priced), span(3, tool))).close()

    Drain(tmp_path, writer, Reading(flat)).run()

    costs = writer.sql("select cost_usd from spans order by span_id").column("cost_usd")
    assert costs.to_pylist() == [Decimal("0.5"), Decimal(2), None]


def test_spans_without_ids_are_counted_as_rejected(tmp_path: Path, writer: Writer) -> None:
    an_app(tmp_path, request(span(1), span(2, trace_id=bytes(16)))).close()

    a_drain(tmp_path, writer).run()

    assert writer.counts() == {"rejected.id": 1}


SENT = [request(span(number)) for number in range(1, 6)]


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_a_segment_cut_short_gives_its_whole_frames_and_is_cleared_away(
    cut: int, tmp_path: Path, writer: Writer
) -> None:
    an_app(tmp_path, *SENT).close()
    (segment,) = list_segments(tmp_path / "spool")
    size = segment.stat().st_size
    os.truncate(segment, size - cut)

    done = a_drain(tmp_path, writer).run()

    frame = size // 5
    whole = (size - cut) // frame
    assert stored(writer) == list(range(1, whole + 1))
    assert done.damaged == (1 if (size - cut) % frame else 0)
    assert list_segments(tmp_path / "spool") == []


def test_a_damaged_frame_is_skipped_and_counted_once(tmp_path: Path, writer: Writer) -> None:
    app = an_app(tmp_path, *SENT)
    (segment,) = list_segments(tmp_path / "spool")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    drain = a_drain(tmp_path, writer)

    done = drain.run()
    again = drain.run()

    assert stored(writer) == [1, 2, 4, 5]
    assert done == Drained(stored=4, damaged=1)
    assert again == Drained()
    assert writer.counts() == {"damaged_frames": 1}
    app.close()


def test_an_unreadable_segment_does_not_hold_up_the_others(tmp_path: Path, writer: Writer) -> None:
    an_app(tmp_path, request(span(1))).close()
    (tmp_path / "spool" / "0-0-dangling.seg").symlink_to(tmp_path / "spool" / "nowhere")

    done = a_drain(tmp_path, writer).run()

    assert done == Drained(stored=1)


def test_positions_of_segments_that_are_gone_are_forgotten(tmp_path: Path, writer: Writer) -> None:
    writer.insert([], offsets={"gone.seg": 5})

    a_drain(tmp_path, writer)

    assert writer.offsets() == {}


def test_nothing_is_lost_when_the_store_fails_half_way(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_app(tmp_path, *SENT).close()
    drain = a_drain(tmp_path, writer)
    with monkeypatch.context() as patch:
        patch.setattr(writer, "insert_batch", _no_space)
        with pytest.raises(StoreUnreachableError):
            drain.run()

    done = drain.run()

    assert done == Drained(stored=5)


def _no_space(*_args: object, **_named: object) -> None:
    raise StoreUnreachableError("no space left")


def test_pending_bytes_are_those_not_in_the_store(tmp_path: Path, writer: Writer) -> None:
    app = an_app(tmp_path, request(span(1)))
    drain = a_drain(tmp_path, writer)

    before = drain.pending_bytes()
    drain.run()

    assert before == list_segments(tmp_path / "spool")[0].stat().st_size
    assert drain.pending_bytes() == 0
    app.close()


def test_many_spans_are_stored_in_several_transactions(tmp_path: Path, writer: Writer) -> None:
    batches = [
        request(*(span(batch * 1_000 + number) for number in range(1, 1_001))) for batch in range(9)
    ]
    an_app(tmp_path, *batches).close()

    done = a_drain(tmp_path, writer).run()

    assert done == Drained(stored=9_000)
    assert writer.sql("select distinct ingested_at from spans").num_rows == 3


@pytest.mark.parametrize("ahead", [1, 4, 1_000])
def test_what_comes_meanwhile_is_taken_in_the_same_run_if_that_goes_on(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """Apps add, end and begin while of what was read before some is not stored yet."""
    monkeypatch.setattr(segment_chunks, "SPANS", 2)
    monkeypatch.setattr(reading_ahead, "_ITEMS_AHEAD", ahead)
    apps = [an_app(tmp_path, request(span(1))), an_app(tmp_path, request(span(2)), folder="wal")]
    numbers = count(3)
    files_at: list[int] = []

    def goes_on() -> bool:
        if len(files_at) == 6:
            return False
        files_at.append(len([*list_segments(tmp_path / "spool"), *list_segments(tmp_path / "wal")]))
        apps[-1].append(request(span(next(numbers))))
        apps.pop(0).close()
        apps.append(an_app(tmp_path, request(span(next(numbers)))))
        return True

    done = a_drain(tmp_path, writer).run(goes_on=goes_on)

    assert done == Drained(stored=14)
    assert stored(writer) == list(range(1, 15))
    assert max(files_at) <= 4 + ahead  # finished ones do not wait for the end of the run
    for app in apps:
        app.close()
    a_drain(tmp_path, writer).run()
    assert stored(writer) == list(range(1, 15))
    assert not list_segments(tmp_path / "spool")


def test_damage_is_counted_once_however_long_a_run_goes_on(tmp_path: Path, writer: Writer) -> None:
    app = an_app(tmp_path, request(span(1)))
    (path,) = list_segments(tmp_path / "spool")
    first = path.stat().st_size
    for number in (2, 3):
        app.append(request(span(number)))
    data = bytearray(path.read_bytes())
    data[first + 20] ^= 1
    path.write_bytes(data)
    passes = iter([True, True, True, False])

    done = a_drain(tmp_path, writer).run(goes_on=lambda: next(passes))

    assert done == Drained(stored=2, damaged=1)
    assert stored(writer) == [1, 3]
    app.close()


def test_a_run_that_failed_while_it_went_on_loses_nothing(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = an_app(tmp_path, request(span(1)))
    drain = a_drain(tmp_path, writer)
    coming = [request(span(2))]

    def goes_on() -> bool:
        if not coming:
            return False
        app.append(coming.pop())
        patch.setattr(Writer, "insert_batch", fails)
        return True

    def fails(*_: object, **__: object) -> int:
        raise StoreUnreachableError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(StoreUnreachableError):
        drain.run(goes_on=goes_on)

    assert stored(writer) == []
    assert drain.run().stored == 2
    assert stored(writer) == [1, 2]
    app.close()
