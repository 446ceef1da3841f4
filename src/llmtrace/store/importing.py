"""Takes files in: records → spans → segments of the spool → the store, as what an app writes goes.

The spool is the way that works with and without a collector, survives a kill, and stores each span
once. Every file is read in pieces; a piece waits until the store has it, so that neither memory nor
the spool grows with the file. What is counted before it is stored (columns, prices, repairs) is
what the drain does, done once more here.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.clock import Clock, SystemClock, from_unix_ns, unix_ns, wall_ns
from llmtrace.errors import ConfigError, QueryError, SegmentError, StoreError
from llmtrace.otlp.count import count_spans
from llmtrace.otlp.encode import encode_request
from llmtrace.otlp.imports import FORMATS, format_of, otlp
from llmtrace.otlp.imports.fields import UnreadableError, snake
from llmtrace.otlp.imports.files import opened
from llmtrace.otlp.imports.report import Report
from llmtrace.spool import SegmentWriter, list_segments, read_frames
from llmtrace.spool.frames import MAX_PAYLOAD_BYTES
from llmtrace.store.dead_letters import DEAD_LETTERS
from llmtrace.store.drain import SPOOL
from llmtrace.store.home import HomeStore
from llmtrace.store.ingest import ingest
from llmtrace.store.pricing import settings_pricer
from llmtrace.usage.counts import as_mapping
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from llmtrace.config import Settings
    from llmtrace.otlp.imports.located import Located
    from llmtrace.otlp.imports.records import Imported
    from llmtrace.otlp.rows import Pricer

_SPANS_PER_REQUEST: Final = 500
_CHARACTERS_PER_REQUEST: Final = 4_000_000
_BYTES_PER_PIECE: Final = 32 * 1024 * 1024
_LOCK_TIMEOUT_S: Final = 30.0
"""Others hold the store for the length of one question; a piece is worth waiting for."""
_FUTURE_NS: Final = 48 * 3_600 * 10**9
_STORED: Final = (
    "select count(*) as spans from spans where resource_id in "
    "(select resource_id from resources where attributes[?] = ?)"
)


def import_files(
    paths: Iterable[Path],
    settings: Settings,
    *,
    form: str | None = None,
    project: str | None = None,
    is_dry_run: bool = False,
    clock: Clock | None = None,
) -> Report:
    """Import files of one format (None: each by its looks) and return what became of them.

    Raises PriceFileError. That the spool cannot be written or the store not be asked is no error:
    the import ends, what was handed over waits on the disk, and the report says so.
    """
    pricer = settings_pricer(settings)
    report = Report(is_dry_run=is_dry_run)
    out = None if is_dry_run else _Out(settings, pricer)
    source = _Source(form, project, report, clock or SystemClock())
    try:
        for payload in source.requests(paths):
            content = ingest(payload, pricer)
            report.add(content.rows, content.counts)
            if out is not None and not out.put(payload, len(content.rows)):
                break  # the rest would only pile up; what is stored is not stored twice next time
    finally:
        if out is not None:
            out.close()
    if out is not None:
        out.settle(report, source.run)
    return report


class _Source:
    """Makes requests of files."""

    def __init__(self, form: str | None, project: str | None, report: Report, clock: Clock) -> None:
        self.run = secrets.token_hex(8)
        self._form = form
        self._project = project
        self._report = report
        self._latest_ns = unix_ns(clock.now()) + _FUTURE_NS

    def requests(self, paths: Iterable[Path]) -> Iterator[bytes]:
        """Give the requests of the files; what cannot become one is in the report."""
        for path in paths:
            for payload in self._of_file(path):
                if len(payload) > MAX_PAYLOAD_BYTES:
                    self._report.skip("longer than 64 MiB", str(path), "a request over 64 MiB")
                else:
                    yield payload

    def _of_file(self, path: Path) -> Iterator[bytes]:
        self._report.files += 1
        batch = _Batch()
        form = self._form
        try:
            with opened(path) as file:
                form = form or (otlp.NAME if file.kind == "protobuf" else None)
                for found in file.records:
                    where = f"{path}:{found.line}"
                    names = _names(found)
                    form = form or format_of(names)
                    if found.problem is not None:
                        self._report.skip(found.problem, where, found.detail)
                    elif form == otlp.NAME:
                        yield from self._of_otlp(found, names, path, where)
                    elif form is None:
                        self._skip_stranger(names, where)
                    else:
                        self._read(form, found, where, batch)
                    if form is not None and batch.is_full:
                        yield from batch.flush(form, self._stamp(form, path))
        except ConfigError as error:
            self._report.refuse("a file that is no export", str(error))
        if form is not None:
            yield from batch.flush(form, self._stamp(form, path))

    def _of_otlp(
        self, found: Located, names: frozenset[str], path: Path, where: str
    ) -> Iterator[bytes]:
        self._report.records += 1
        for request in otlp.requests(found, names, self._stamp(otlp.NAME, path)):
            if request.problem is not None:
                self._report.skip(request.problem.reason, where, str(request.problem))
            else:
                yield request.payload

    def _read(self, form: str, found: Located, where: str, batch: _Batch) -> None:
        reader = FORMATS[form]
        for record in reader.parts(as_mapping(found.value)):
            self._report.records += 1
            try:
                made = reader.read(record)
            except UnreadableError as error:
                self._report.skip(error.reason, where, str(error))
                continue
            if made is None:
                self._report.empty += 1
            elif made.span.start_unix_ns > self._latest_ns:
                start = from_unix_ns(made.span.start_unix_ns).isoformat()
                self._report.skip("a start in the future", where, f"it starts at {start}")
            else:
                batch.add(made)

    def _skip_stranger(self, names: frozenset[str], where: str) -> None:
        if not names:  # an empty row
            self._report.empty += 1
            return
        self._report.records += 1
        shown = ", ".join(sorted(names)[:8])[:200]
        self._report.skip(
            "of no known format", where, f"of no known format (fields: {shown}); say --format"
        )

    def _stamp(self, form: str, path: Path) -> dict[str, str]:
        """Return what the resources of this import say."""
        stamp = {
            semconv.IMPORT_FORMAT: form,
            semconv.IMPORT_FILE: path.name,
            semconv.IMPORT_RUN: self.run,
        }
        return stamp if self._project is None else {**stamp, semconv.PROJECT: self._project}


class _Batch:
    """Spans that go into one request, by their resource."""

    def __init__(self) -> None:
        self._spans: dict[frozenset[tuple[str, str]], list[Imported]] = {}
        self._count = 0
        self._characters = 0

    @property
    def is_full(self) -> bool:
        return self._count >= _SPANS_PER_REQUEST or self._characters >= _CHARACTERS_PER_REQUEST

    def add(self, made: Imported) -> None:
        self._spans.setdefault(frozenset(made.resource.items()), []).append(made)
        self._count += 1
        self._characters += sum(len(v) for v in made.span.attributes.values() if isinstance(v, str))

    def flush(self, form: str, stamp: dict[str, str]) -> Iterator[bytes]:
        """Give a request for each resource, and be empty."""
        for resource, made in self._spans.items():
            yield encode_request(
                {**stamp, **dict(resource)},
                semconv.IMPORT_SCOPE_PREFIX + form,
                VERSION,
                [each.span for each in made],
            )
        self._spans = {}
        self._count = self._characters = 0


class _Out:
    """Hands requests over to the store through the spool."""

    def __init__(self, settings: Settings, pricer: Pricer) -> None:
        self.problem: str | None = None
        """Why spool or store could not be used; the import ends then."""
        self._home = settings.home
        self._store = HomeStore(
            settings.home,
            pricer,
            token=settings.token,
            capture=settings.capture_content,
            lock_timeout_s=_LOCK_TIMEOUT_S,
        )
        self._writer = SegmentWriter(
            settings.home / SPOOL,
            now_ns=wall_ns,
            pid=os.getpid(),
            max_segment_bytes=_BYTES_PER_PIECE,
        )
        self._segments: set[str] = set()
        self._piece_bytes = 0
        self._spans = 0

    def put(self, payload: bytes, spans: int) -> bool:
        """Write a request; every so often wait until the store has what was written.

        False if the spool or the store fails.
        """
        try:
            self._segments.add(self._writer.append(payload).segment)
        except SegmentError as error:
            self.problem = str(error)
            return False
        self._spans += spans
        self._piece_bytes += len(payload)
        if self._piece_bytes >= _BYTES_PER_PIECE:
            self._refresh()
        return self.problem is None

    def close(self) -> None:
        """Finish the segment: what is in it is on the disk."""
        try:
            self._writer.close()
        except SegmentError as error:
            self.problem = str(error)

    def settle(self, report: Report, run: str) -> None:
        """Wait for the store and tell the report what it has."""
        if self.problem is None:
            self._refresh()
        report.waiting = self._waiting()
        report.dead_letters = self._dead_letters()
        if self.problem is None:
            try:
                found = self._store.sql(_STORED, [semconv.IMPORT_RUN, run])
            except (StoreError, QueryError) as error:
                self.problem = str(error)
            else:
                report.stored = int(found.column("spans")[0].as_py())
                gone = report.stored + report.dead_letters + report.waiting
                report.duplicates = max(0, self._spans - gone)
        report.problem = self.problem

    def _refresh(self) -> None:
        self._piece_bytes = 0
        try:
            self._writer.close()
            self._store.refresh()
        except (SegmentError, StoreError) as error:
            self.problem = str(error)

    def _waiting(self) -> int:
        """Count the spans in those of our segments that the store has not finished."""
        if not self._segments:
            return 0
        return sum(
            count_spans(frame.payload)
            for path in list_segments(self._home / SPOOL)
            if path.name in self._segments
            for frame in read_frames(path).frames
        )

    def _dead_letters(self) -> int:
        letters = (self._home / DEAD_LETTERS).glob("*.otlp")
        return sum(
            count_spans(path.read_bytes())
            for path in letters
            if path.name.rpartition("-")[0] in self._segments
        )


def _names(found: Located) -> frozenset[str]:
    """Return the names of a record's fields in snake case."""
    return frozenset(map(snake, as_mapping(found.value)))
