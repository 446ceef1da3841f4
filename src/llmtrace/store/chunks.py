"""Some requests' bytes → what is stored of them in one transaction, and what became of each. Pure.

The unit in which segments are read: it bounds the memory, and one transaction is paid for by all.
"""

from __future__ import annotations

import logging
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from llmtrace.otlp.decode import MalformedOtlpError
from llmtrace.otlp.redacting import RowRedactor
from llmtrace.store.batch import batch_of
from llmtrace.store.ingest import ingest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from llmtrace.otlp.rows import Pricer, SpanRow
    from llmtrace.store.batch import Batch

logger = logging.getLogger(__name__)


class ReadFrame(NamedTuple):
    """What was read of one request."""

    batch_hash: bytes
    """16 bytes, by which a request that is sent again is known."""
    spans: int
    """With valid ids."""
    counts: Mapping[str, int]
    """What was refused or repaired, by reason: ``Ingested.counts``."""
    error: str | None = None
    """Why nothing of it can be stored; None: it can."""


class ReadChunk(NamedTuple):
    """What was read of some requests, in their order."""

    frames: list[ReadFrame]
    batch: Batch


class Reading(NamedTuple):
    """How requests are read, here or in another process. ``ChunkReader`` by itself."""

    pricer: Pricer
    redact: RowRedactor = RowRedactor()
    """What is taken out of other tools' spans; by default what the app takes out of ours."""

    @property
    def has_help(self) -> bool:
        """Nobody helps."""
        return False

    def read(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk:
        """Read some requests; one that cannot be read says why, and the others are well."""
        frames: list[ReadFrame] = []
        try:
            return ReadChunk(frames, batch_of(self._each(payloads, now, frames)))
        except Exception:
            logger.exception("some requests make no tables; they are tried one by one")
            return self._singly(payloads, now)

    def read_here(self, payload: bytes, now: datetime) -> Batch:
        """Read one request."""
        return self.read([payload], now).batch

    def waiting(self, size: int) -> None:
        """Nobody helps, however much waits."""

    def rest(self) -> None:
        """Nothing is held between two readings."""

    def _each(
        self, payloads: Iterable[bytes], now: datetime, frames: list[ReadFrame]
    ) -> Iterator[list[SpanRow]]:
        """Give the rows of each request, and put into ``frames`` what was read of it."""
        for payload in payloads:
            rows, frame = self._frame(payload, now)
            frames.append(frame)
            yield rows

    def _singly(self, payloads: Sequence[bytes], now: datetime) -> ReadChunk:
        """Leave out the requests to blame for it that there is no batch of all of them."""
        frames: list[ReadFrame] = []
        kept: list[list[SpanRow]] = []
        for number, rows in enumerate(self._each(payloads, now, frames)):
            try:
                batch_of([rows])
                kept.append(rows)
            except Exception:  # whatever it is: that is the question
                logger.exception("a request makes no tables")
                batch_hash = frames[number].batch_hash
                frames[number] = ReadFrame(batch_hash, 0, {}, "it could not be stored")
                kept.append([])
        return ReadChunk(frames, batch_of(kept))

    def _frame(self, payload: bytes, now: datetime) -> tuple[list[SpanRow], ReadFrame]:
        batch_hash = blake2b(payload, digest_size=16).digest()
        try:
            content = ingest(payload, self.pricer, now=now, redact=self.redact)
        except MalformedOtlpError as error:
            return [], ReadFrame(batch_hash, 0, {}, str(error))
        except Exception:
            # A bug of ours on one request must not keep all others out of the store.
            logger.exception("a request of %d bytes could not be read", len(payload))
            return [], ReadFrame(batch_hash, 0, {}, "it could not be read")
        return content.rows, ReadFrame(batch_hash, len(content.rows), content.counts)
