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
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace.clock import Clock, SystemClock
from llmtrace.errors import SegmentError, StoreUnreachableError
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.decode import MalformedOtlpError
from llmtrace.spool import (
    Frame,
    Frames,
    is_owned,
    list_segments,
    read_frames,
    try_remove,
)
from llmtrace.spool.keeping import Keeper
from llmtrace.store.dead_letters import put_aside
from llmtrace.store.ingest import Ingested, ingest
from llmtrace.store.ledger import Ledger
from llmtrace.store.reading_ahead import reading_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from datetime import datetime
    from pathlib import Path

    from llmtrace.otlp.rows import Pricer
    from llmtrace.store.writer import Writer

logger = logging.getLogger(__name__)

SPOOL: Final = "spool"
WAL: Final = "wal"
NOT_FORWARDED: Final = "not_forwarded."
"""Prefix of the store's counts of spans that a target did not get."""
# Measured: inserts of 5000 spans cost a third of inserts of 500; the bytes bound the memory.
_SPANS_PER_INSERT: Final = 4_000
_BYTES_PER_INSERT: Final = 16 * 1024 * 1024
_BATCHES_KEPT: Final = timedelta(hours=24)
_NOTHING: Final = Ingested(rows=[], counts={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one run moved."""

    stored: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    damaged: int = 0
    """Damaged stretches of segments that were skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One frame on its way."""

    segment: str
    frame: Frame
    batch_hash: bytes
    content: Ingested
    source: str
    """Field of ``Ledger`` for where it was read."""

    def read(self) -> Counter[str]:
        """Return the ledger's entries of a request that was read."""
        without_ids = self.content.counts.get("rejected.id", 0)
        spans = len(self.content.rows) + without_ids
        return Counter({self.source: spans, "without_ids": without_ids})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """What was read of a segment."""

    path: Path
    is_owned: bool
    size: int
    frames: Frames


class _Read(NamedTuple):
    """A frame of a segment, or its end."""

    segment: _Segment
    frame: Frame | None

    def size_bytes(self) -> int:
        """Return the size of what it carries."""
        return 0 if self.frame is None else len(self.frame.payload)


@dataclass(slots=True)
class _Group:
    """Frames that are stored in one transaction, with the positions after them."""

    pieces: list[_Piece] = field(default_factory=list[_Piece])
    offsets: dict[str, int] = field(default_factory=dict[str, int])
    counts: Counter[str] = field(default_factory=Counter[str])
    booked: Counter[str] = field(default_factory=Counter[str])
    """Entries of the ledger for what is not among ``pieces``."""
    spans: int = 0
    size_bytes: int = 0

    def add(self, piece: _Piece) -> None:
        self.pieces.append(piece)
        self.spans += len(piece.content.rows)
        self.size_bytes += len(piece.frame.payload)

    def is_full(self) -> bool:
        return self.spans >= _SPANS_PER_INSERT or self.size_bytes >= _BYTES_PER_INSERT


class Drain:
    """Moves the segments of one home into its open store."""

    def __init__(
        self, home: Path, writer: Writer, pricer: Pricer, *, clock: Clock | None = None
    ) -> None:
        """Read how far each segment is applied. Raises StoreError."""
        self._home = home
        self._keeper = Keeper(home, [home / SPOOL, home / WAL], weigh=count_spans)
        self._writer = writer
        self._pricer = pricer
        self._offsets = writer.offsets()
        self._seen_bytes: dict[str, int] = {}
        self._done: Counter[str] = Counter()
        self._booked: Counter[str] = Counter()
        # Whatever lies in the log now was acknowledged by a collector that is gone.
        self._earlier = {path.name for path in list_segments(home / WAL)}
        self._clock = clock or SystemClock()
        self._forget(self._clock.now())

    def run(self, *, should_stop: Callable[[], bool] = lambda: False) -> Drained:
        """Store what the segments hold by now, oldest first, and remove finished ones.

        Raises StoreError or SegmentError when the disk fails; what was stored until then stays
        stored, the rest is taken by the next run.
        """
        self._done = Counter()
        group = _Group()
        finished: list[Path] = []
        try:
            pieces = self._read(should_stop)
            with closing(reading_ahead(pieces, self._ingest, _Read.size_bytes)) as contents:
                for read, content in contents:
                    if read.frame is None:
                        self._finish(read.segment, group, finished)
                        continue
                    self._add(read.segment.path, read.frame, content, group)
                    group.offsets[read.segment.path.name] = read.frame.end
                    if group.is_full():
                        self._store(group)
                        group = _Group()
            self._store(group)
        except BaseException:
            self._seen_bytes.clear()
            raise
        self._remove(finished)
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

    def _read(self, should_stop: Callable[[], bool]) -> Iterator[_Read]:
        """Give the new frames of all segments, and after those of each its end."""
        for path in self._segments():
            if should_stop():
                return
            segment = self._read_segment(path)
            if segment is not None:
                yield from (_Read(segment, frame) for frame in segment.frames.frames)
                yield _Read(segment, None)

    def _read_segment(self, path: Path) -> _Segment | None:
        """Read what is new in one segment; None if nothing is."""
        self._keeper.keep(path, applied=self._offsets.get(path.name, 0))
        owned = is_owned(path)  # asked first: what is there after a no, nobody adds to
        size = _size(path)
        if owned and self._seen_bytes.get(path.name) == size:
            return None
        try:
            frames = read_frames(path, self._offsets.get(path.name, 0))
        except SegmentError as error:
            # One unreadable file, as another user's, must not hold up the others.
            logger.warning("segment skipped: %s", error)
            return None
        self._seen_bytes[path.name] = size
        return _Segment(path=path, is_owned=owned, size=size, frames=frames)

    def _finish(self, segment: _Segment, group: _Group, finished: list[Path]) -> None:
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

    def _ingest(self, read: _Read) -> Ingested:
        if read.frame is None:
            return _NOTHING
        return ingest(read.frame.payload, self._pricer, now=self._clock.now())

    def _add(self, path: Path, frame: Frame, read: Future[Ingested], group: _Group) -> None:
        source = self._source(path)
        try:
            content = read.result()
        except MalformedOtlpError as error:
            self._bury(path.name, frame, str(error))
        except Exception:
            # A bug of ours on one frame must not keep all later spans out of the store.
            logger.exception("segment %s: a frame could not be read", path.name)
            self._bury(path.name, frame, "it could not be read")
        else:
            group.add(
                _Piece(
                    segment=path.name,
                    frame=frame,
                    batch_hash=blake2b(frame.payload, digest_size=16).digest(),
                    content=content,
                    source=source,
                )
            )
            return
        group.counts["dead_letters"] += 1
        lost = count_spans(frame.payload)
        group.booked.update({source: lost, "dead_letter": lost, "dead_letter_requests": 1})

    def _source(self, path: Path) -> str:
        if path.parent.name == SPOOL:
            return "from_spool"
        return "from_earlier_log" if path.name in self._earlier else "from_log"

    def _store(self, group: _Group) -> None:
        if not group.offsets:
            return
        pieces, known = self._new_requests(group.pieces)
        try:
            self._insert(pieces, group.offsets, group.counts)
        except (StoreUnreachableError, SegmentError):
            raise
        except Exception:
            # Not the disk, then: something in one of the frames is to blame, the others are well.
            logger.exception("a batch could not be stored; its frames are tried one by one")
            self._store_singly(pieces, group)
        for piece in known:
            self._booked.update(piece.read())
            self._booked["duplicates"] += len(piece.content.rows)
            self._done["duplicates"] += len(piece.content.rows)
        self._booked.update(group.booked)
        self._offsets.update(group.offsets)

    def _store_singly(self, pieces: list[_Piece], group: _Group) -> None:
        counts = Counter(group.counts)
        for piece in pieces:
            try:
                self._insert([piece], {piece.segment: piece.frame.end}, Counter())
            except (StoreUnreachableError, SegmentError):
                raise
            except Exception:
                logger.exception("segment %s: a frame could not be stored", piece.segment)
                self._bury(piece.segment, piece.frame, "it could not be stored")
                counts["dead_letters"] += 1
                self._booked.update(piece.read())
                self._booked["dead_letter"] += len(piece.content.rows)
                self._booked["dead_letter_requests"] += 1
            # A disk that fails at a later piece must not make this one be read again.
            self._offsets[piece.segment] = piece.frame.end
        self._insert([], group.offsets, counts)

    def _insert(self, pieces: list[_Piece], offsets: dict[str, int], counts: Counter[str]) -> None:
        total = Counter(counts)
        for piece in pieces:
            total.update(piece.content.counts)
        inserted = self._writer.insert(
            [row for piece in pieces for row in piece.content.rows],
            batch_hashes=[piece.batch_hash for piece in pieces],
            offsets=offsets,
            counts=total,
        )
        for piece in pieces:
            self._booked.update(piece.read())
        outcome = {"stored": inserted.stored, "duplicates": inserted.duplicates}
        self._booked.update(outcome)
        self._done.update(outcome)

    def _new_requests(self, pieces: list[_Piece]) -> tuple[list[_Piece], list[_Piece]]:
        """Part the requests from those that are stored, or come twice in the group."""
        hashes = self._writer.known_batches([piece.batch_hash for piece in pieces])
        fresh: list[_Piece] = []
        known: list[_Piece] = []
        for piece in pieces:
            (known if piece.batch_hash in hashes else fresh).append(piece)
            hashes.add(piece.batch_hash)
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

    def _forget(self, now: datetime) -> None:
        """Drop positions of segments that are gone, and hashes no client retries any more."""
        present = {path.name for path in self._segments()}
        gone = [name for name in self._offsets if name not in present]
        if gone:
            self._writer.forget_segments(gone)
        self._offsets = {name: end for name, end in self._offsets.items() if name in present}
        self._writer.forget_batches(before=now - _BATCHES_KEPT)


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
