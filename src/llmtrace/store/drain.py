"""Moves segments into the store: each frame once, whatever kill -9, damage or garbage does to it.

Rows and the position in the segment are one transaction; a finished segment is removed only after
its position is durable. A frame that cannot be stored is put aside under ``deadletter/`` and
counted: it is never tried again and never holds up what follows it.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from llmtrace.clock import Clock, SystemClock
from llmtrace.errors import SegmentError, StoreUnreachableError
from llmtrace.otlp.count import count_spans
from llmtrace.spool import Frame, is_owned, list_segments, read_frames, try_remove
from llmtrace.spool.keeping import Keeper
from llmtrace.store.batch import batch_of
from llmtrace.store.dead_letters import put_aside
from llmtrace.store.housekeeping import Housekeeping
from llmtrace.store.ledger import Ledger
from llmtrace.store.memory_limit import RUSH_MB, SERVING_MB
from llmtrace.store.reading_ahead import reading_ahead
from llmtrace.store.segment_chunks import FrameOrEnd, SegmentRead, chunks, size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from llmtrace.store.batch import Batch
    from llmtrace.store.chunks import ReadChunk, ReadFrame
    from llmtrace.store.writer import Writer

logger = logging.getLogger(__name__)

SPOOL: Final = "spool"
WAL: Final = "wal"
NOT_FORWARDED: Final = "not_forwarded."
"""Prefix of the store's counts of spans that a target did not get."""


class Reader(Protocol):
    """Reads requests, here or elsewhere, one call at a time."""

    @property
    def has_help(self) -> bool:
        """Another process reads too."""
        ...

    def read(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk:
        """Read some requests; one that cannot be read says why."""
        ...

    def read_here(self, payload: bytes, now: datetime) -> Batch:
        """Read one request, beside another thread's ``read``."""
        ...

    def waiting(self, size: int) -> None:
        """Know how many bytes wait to be read, beside another thread's ``read``."""
        ...

    def rest(self) -> None:
        """Know that nothing more is there for now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one run moved."""

    stored: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    damaged: int = 0
    """Damaged stretches of segments that were skipped."""


class _Piece(NamedTuple):
    """One request on its way."""

    number: int
    """Among those that were read together."""
    segment: str
    frame: Frame
    source: str
    """Field of ``Ledger`` for where it was read."""
    read: ReadFrame

    def booked(self) -> Counter[str]:
        """Return the ledger's entries of a request that was read."""
        without_ids = self.read.counts.get("rejected.id", 0)
        return Counter({self.source: self.read.spans + without_ids, "without_ids": without_ids})


@dataclass(slots=True)
class _Group:
    """Requests that are stored in one transaction, with the positions after them."""

    batch: Batch
    pieces: list[_Piece] = field(default_factory=list[_Piece])
    offsets: dict[str, int] = field(default_factory=dict[str, int])
    counts: Counter[str] = field(default_factory=Counter[str])
    booked: Counter[str] = field(default_factory=Counter[str])
    """Entries of the ledger for what is not among ``pieces``."""


class Drain:
    """Moves the segments of one home into its open store."""

    def __init__(
        self,
        home: Path,
        writer: Writer,
        reader: Reader,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Read how far each segment is applied. Raises StoreError.

        ``reader`` says how requests are read: prices, what is redacted, and where.
        """
        self._home = home
        self._keeper = Keeper(home, [home / SPOOL, home / WAL], weigh=count_spans)
        self._writer = writer
        self._reader = reader
        self._offsets = writer.offsets()
        self._seen_bytes: dict[str, int] = {}
        self._read_to: dict[str, int] = {}
        """In the run that goes on: what was read, and may not be applied yet."""
        self._done: Counter[str] = Counter()
        self._booked: Counter[str] = Counter()
        # Whatever lies in the log now was acknowledged by a collector that is gone.
        self._earlier = {path.name for path in list_segments(home / WAL)}
        self._clock = clock or SystemClock()
        self._forget_segments()
        self._house = Housekeeping(writer, self._clock)

    def run(
        self,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        goes_on: Callable[[], bool] = lambda: False,
    ) -> Drained:
        """Store what the segments hold by now, oldest first, and remove finished ones.

        ``goes_on`` is asked when all that is read, of which some is not stored yet: whether to read
        what came since too. To begin anew would have to wait for the first to be read, and let the
        reading wait for the last to be stored.

        Raises StoreError or SegmentError when the disk fails; what was stored until then stays
        stored, the rest is taken by the next run.
        """
        self._done = Counter()
        self._read_to = {}
        finished: list[Path] = []
        try:
            reads = chunks(self._read(should_stop, goes_on, finished))
            with closing(reading_ahead(reads, self._read_chunk, size_bytes)) as contents:
                for chunk, content in contents:
                    self._reader.waiting(self.pending_bytes())
                    self._store(self._group(chunk, content.result(), finished))
        except BaseException:
            self._seen_bytes.clear()
            raise
        self._remove(finished)
        self._reader.rest()
        if not should_stop():
            self._house.do_what_is_due()
        return Drained(**self._done)

    @property
    def ledger(self) -> Ledger:
        """What became of every span that was read so far."""
        return Ledger(**self._booked)

    def bound_kept(self) -> None:
        """Drop the oldest of what is kept for forwarding beyond its limits, and count it.

        For who drains while no collector runs. Raises SegmentError, StoreError.
        """
        self._keeper.bound()
        self._note_lost()

    def pending_bytes(self) -> int:
        """Return how many bytes of segments are not applied yet."""
        return sum(
            max(0, _size(path) - self._offsets.get(path.name, 0)) for path in self._segments()
        )

    def _segments(self) -> list[Path]:
        both = [*list_segments(self._home / SPOOL), *list_segments(self._home / WAL)]
        return sorted(both, key=lambda path: path.name)

    def _read(
        self, should_stop: Callable[[], bool], goes_on: Callable[[], bool], finished: list[Path]
    ) -> Iterator[FrameOrEnd]:
        """Give the new frames of all segments, and after those of each its end."""
        ended: set[str] = set()
        while True:
            self._writer.limit_memory(RUSH_MB if self._reader.has_help else SERVING_MB)
            for path in self._segments():
                if should_stop():
                    return
                segment = None if path.name in ended else self._read_segment(path)
                if segment is not None:
                    yield from (FrameOrEnd(segment, frame) for frame in segment.frames.frames)
                    yield FrameOrEnd(segment, None)
                    if not segment.is_owned:
                        ended.add(path.name)
            if not goes_on():
                return
            self._remove(finished)
            finished.clear()

    def _read_segment(self, path: Path) -> SegmentRead | None:
        """Read what is new in one segment; None if nothing is."""
        applied = self._offsets.get(path.name, 0)
        self._keeper.keep(path, applied=applied)
        owned = is_owned(path)  # asked first: what is there after a no, nobody adds to
        size = _size(path)
        if owned and self._seen_bytes.get(path.name) == size:
            return None
        try:
            frames = read_frames(path, self._read_to.get(path.name, applied))
        except SegmentError as error:
            # One unreadable file, as another user's, must not hold up the others.
            logger.warning("segment skipped: %s", error)
            return None
        self._seen_bytes[path.name] = size
        self._read_to[path.name] = frames.next_offset
        return SegmentRead(path=path, is_owned=owned, size=size, frames=frames)

    def _finish(self, segment: SegmentRead, group: _Group, finished: list[Path]) -> None:
        """Note damage, and that a segment nobody adds to is at its end."""
        path, read = segment.path, segment.frames
        damaged = read.damaged
        if not segment.is_owned:
            finished.append(path)
            damaged += _ends_torn(path, read.next_offset)
            group.offsets[path.name] = max(segment.size, read.next_offset)
        if damaged:
            logger.warning("segment %s: %d damaged stretches skipped", path.name, damaged)
            group.counts["damaged_frames"] += damaged
            group.offsets.setdefault(path.name, read.next_offset)
            group.booked["damaged_stretches"] += damaged
            self._done["damaged"] += damaged

    def _read_chunk(self, reads: list[FrameOrEnd]) -> ReadChunk:
        payloads = [read.frame.payload for read in reads if read.frame is not None]
        return self._reader.read(payloads, self._clock.now())

    def _group(self, reads: list[FrameOrEnd], content: ReadChunk, finished: list[Path]) -> _Group:
        """Put together what is stored at once; what could not be read is put aside."""
        group = _Group(content.batch)
        frames = enumerate(content.frames)
        for segment, frame in reads:
            if frame is None:
                self._finish(segment, group, finished)
                continue
            number, read = next(frames)
            name, source = segment.path.name, self._source(segment.path)
            group.offsets[name] = frame.end
            if read.error is None:
                group.pieces.append(_Piece(number, name, frame, source, read))
                continue
            self._bury(name, frame, read.error)
            group.counts["dead_letters"] += 1
            lost = count_spans(frame.payload)
            group.booked.update({source: lost, "dead_letter": lost, "dead_letter_requests": 1})
        return group

    def _source(self, path: Path) -> str:
        if path.parent.name == SPOOL:
            return "from_spool"
        return "from_earlier_log" if path.name in self._earlier else "from_log"

    def _store(self, group: _Group) -> None:
        if not group.offsets:
            return
        pieces, known = self._new_requests(group.pieces)
        batch = group.batch.without_frames({piece.number for piece in known})
        try:
            self._insert(batch, pieces, group.offsets, group.counts)
        except (StoreUnreachableError, SegmentError):
            raise
        except Exception:
            # Not the disk, then: something in one of the frames is to blame, the others are well.
            logger.exception("a batch could not be stored; its frames are tried one by one")
            self._store_singly(pieces, group)
        for piece in known:
            self._booked.update(piece.booked())
            self._booked["duplicates"] += piece.read.spans
            self._done["duplicates"] += piece.read.spans
        self._booked.update(group.booked)
        self._offsets.update(group.offsets)

    def _store_singly(self, pieces: list[_Piece], group: _Group) -> None:
        counts = Counter(group.counts)
        for piece in pieces:
            try:
                batch = self._reader.read_here(piece.frame.payload, self._clock.now())
                self._insert(batch, [piece], {piece.segment: piece.frame.end}, Counter())
            except (StoreUnreachableError, SegmentError):
                raise
            except Exception:
                logger.exception("segment %s: a frame could not be stored", piece.segment)
                self._bury(piece.segment, piece.frame, "it could not be stored")
                counts["dead_letters"] += 1
                self._booked.update(piece.booked())
                self._booked["dead_letter"] += piece.read.spans
                self._booked["dead_letter_requests"] += 1
            # A disk that fails at a later piece must not make this one be read again.
            self._offsets[piece.segment] = piece.frame.end
        self._insert(batch_of([]), [], group.offsets, counts)

    def _insert(
        self, batch: Batch, pieces: list[_Piece], offsets: dict[str, int], counts: Counter[str]
    ) -> None:
        total = Counter(counts)
        for piece in pieces:
            total.update(piece.read.counts)
        stored = self._writer.insert_batch(
            batch,
            batch_hashes=[piece.read.batch_hash for piece in pieces],
            offsets=offsets,
            counts=total,
        )
        for piece in pieces:
            self._booked.update(piece.booked())
        came = sum(piece.read.spans for piece in pieces)
        outcome = {"stored": stored, "duplicates": came - stored}
        self._booked.update(outcome)
        self._done.update(outcome)

    def _new_requests(self, pieces: list[_Piece]) -> tuple[list[_Piece], list[_Piece]]:
        """Part the requests from those that are stored, or come twice in the group."""
        hashes = self._writer.known_batches([piece.read.batch_hash for piece in pieces])
        fresh: list[_Piece] = []
        known: list[_Piece] = []
        for piece in pieces:
            (known if piece.read.batch_hash in hashes else fresh).append(piece)
            hashes.add(piece.read.batch_hash)
        return fresh, known

    def _bury(self, segment: str, frame: Frame, reason: str) -> None:
        """Put a frame aside for people; its name is that of its place, so that it is put once."""
        path = put_aside(self._home, f"{segment}-{frame.end}", frame.payload, reason)
        logger.error("a request was put aside as %s: %s", path, reason)
        self._done["dead_letters"] += 1

    def _remove(self, finished: list[Path]) -> None:
        for path in finished:
            self._keeper.release(path)
        self._note_lost()
        gone = [
            path.name
            for path in finished
            if try_remove(path, applied=self._offsets.get(path.name, 0))
        ]
        if gone:
            self._writer.forget_segments(gone)
        for name in gone:
            self._offsets.pop(name, None)
            self._seen_bytes.pop(name, None)

    def _note_lost(self) -> None:
        lost = self._keeper.take_lost()
        if lost:
            counts = {f"{NOT_FORWARDED}{name}": count for name, count in lost.items()}
            self._writer.insert([], counts=counts)

    def _forget_segments(self) -> None:
        """Drop positions of segments that are gone."""
        present = {path.name for path in self._segments()}
        gone = [name for name in self._offsets if name not in present]
        if gone:
            self._writer.forget_segments(gone)
        self._offsets = {name: end for name, end in self._offsets.items() if name in present}


def _ends_torn(path: Path, offset: int) -> int:
    """Return 1 if anything but zeros lies beyond the last whole frame of a finished segment."""
    with path.open("rb") as file:
        file.seek(offset)
        return int(any(file.read()))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
