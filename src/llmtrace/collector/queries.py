"""Questions over HTTP: SQL as Arrow or JSON, named metrics as JSON.

Bounded in rows, bytes and seconds, and given up when whoever asked is gone.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from llmtrace.errors import QueryError, QueryMemoryError, StoreError
from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S, Cancellation
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.large_queries import LargeQueries
from llmtrace.store.metric_json import metric_query
from llmtrace.store.metrics import run_metrics
from llmtrace.store.parameters import from_json
from llmtrace.store.range_counts import RangeCounts
from llmtrace.store.remote import ARROW_STREAM
from llmtrace.store.table_json import table_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.requests import Request

    from llmtrace.store import Writer
    from llmtrace.store.metric_plan import Counted

logger = logging.getLogger(__name__)

JSON: Final = "application/json"
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
MAX_JSON_BYTES: Final = 32 * 1024 * 1024
"""The same for JSON, which takes some ten times as much memory while it is made."""
_MAX_QUESTION_BYTES: Final = 4 * 1024 * 1024
_MAX_TIMEOUT_S: Final = 600.0
_OUTCOMES: Final = {200: "answered", 400: "refused", 503: "unavailable", 499: "gone"}
_INTERRUPT_AGAIN_S: Final = 0.1


class QueryRoutes:
    """Answers ``/v1/sql`` and ``/v1/metrics-query``."""

    def __init__(self, writer: Writer) -> None:
        """Ask ``writer``."""
        self._writer = writer
        self.outcomes = Counter[str](dict.fromkeys(_OUTCOMES.values(), 0))
        """How many questions ended how, for the collector's own metrics."""
        self._confined = ConfinedQueries(writer)
        # More at once only take the processors, and the memory, from one another.
        self._turns = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._counts = RangeCounts(lambda: writer.upkeeps)
        self._large = LargeQueries()

    def close(self) -> None:
        """End what waits for a query, before the writer is closed."""
        self._confined.close()

    async def sql(self, request: Request) -> Response:
        """Run one SELECT; rows as an Arrow stream, as JSON for who accepts that first."""

        def answer(content: dict[str, Any], cancellation: Cancellation) -> Response:
            question = _question(content)
            if wants_json:
                question["max_bytes"] = min(question["max_bytes"], MAX_JSON_BYTES)
            if content.get("is_ours") is True:
                limits = {name: question[name] for name in ("max_rows", "timeout_s", "max_bytes")}
                bounded = self._bounded(cancellation)
                table = bounded.sql(question["query"], question["parameters"], **limits)
            else:
                table = self._confined.sql(**question, cancellation=cancellation)
            return _json(table) if wants_json else _arrow(table)

        wants_json = _accepts_first(request, JSON)
        return self._counted(await _answered(request, answer))

    async def metrics(self, request: Request) -> Response:
        """Answer a question to the metric layer; see ``store.metrics.MetricQuery``."""

        def answer(content: dict[str, Any], cancellation: Cancellation) -> Response:
            table = run_metrics(self._bounded(cancellation), metric_query(content))
            return _arrow(table) if wants_arrow else _json(table)

        wants_arrow = _accepts_first(request, ARROW_STREAM)

        return self._counted(await _answered(request, answer))

    def _bounded(self, cancellation: Cancellation) -> _Bounded:
        return _Bounded(
            self._writer, cancellation, self._confined, self._turns, self._counts, self._large
        )

    def _counted(self, response: Response) -> Response:
        self.outcomes[_OUTCOMES[response.status_code]] += 1
        return response


@dataclass(frozen=True, slots=True)
class _Bounded:
    """A store whose queries end with the request that asked them, some of them at once.

    They are ours, see ``own_sql``; one that needs more memory than there is beside storing spans
    gets a process of its own all the same.
    """

    writer: Writer
    cancellation: Cancellation
    confined: ConfinedQueries
    turns: threading.BoundedSemaphore
    counts: RangeCounts
    large: LargeQueries

    @property
    def where(self) -> str:
        return self.writer.where

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> pa.Table:
        limits: dict[str, Any] = {
            "max_rows": max_rows,
            "timeout_s": timeout_s,
            "max_bytes": max_bytes,
            "cancellation": self.cancellation,
        }
        if self.large.has(query, parameters):
            return self.confined.sql(query, parameters, **limits)
        if not self.turns.acquire(timeout=timeout_s):
            raise StoreError(f"other queries took all of {timeout_s:g} s; try again later")
        try:
            return self.writer.sql(query, parameters, **limits)
        except QueryMemoryError:
            logger.info("a question gets a process of its own, for it needs more memory")
            self.large.note(query, parameters)
        finally:
            self.turns.release()
        return self.confined.sql(query, parameters, **limits)

    def counted(self, hours: tuple[datetime, datetime]) -> Counted:
        return self.counts.of(self, hours)

    def refresh(self) -> None:
        self.writer.refresh()

    def close(self) -> None:
        """Do nothing: the writer is the collector's."""


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request holds. Raises QueryError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_QUESTION_BYTES:
            raise QueryError(f"the question is over {_MAX_QUESTION_BYTES} bytes")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise QueryError("the question is not JSON") from error
    if not isinstance(content, dict):
        raise QueryError('the question is an object, as {"query": …, "parameters": […], …}')
    return cast("dict[str, Any]", content)


async def _answered(
    request: Request, answer: Callable[[dict[str, Any], Cancellation], Response]
) -> Response:
    """Run ``answer`` in a thread; cancel it when the client closes the connection."""
    cancellation = Cancellation()
    try:
        content = await json_body(request)
        work = asyncio.ensure_future(run_in_threadpool(answer, content, cancellation))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            is_gone = not work.done()
            while not work.done():
                cancellation.cancel()
                await asyncio.wait({work}, timeout=_INTERRUPT_AGAIN_S)
        finally:
            gone.cancel()
        if is_gone:
            work.exception()  # nobody is there to be told
            return Response(status_code=499)
        return work.result()
    except QueryError as error:
        return JSONResponse({"error": str(error)}, 400)
    except StoreError as error:
        return JSONResponse({"error": str(error)}, 503)


async def _disconnected(request: Request) -> None:
    """Return when the client is gone; its body was read to the end before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _accepts_first(request: Request, media_type: str) -> bool:
    return request.headers.get("accept", "").strip().lower().startswith(media_type)


def _json(table: pa.Table) -> Response:
    return JSONResponse(table_json(table))


def _arrow(table: pa.Table) -> Response:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return Response(sink.getvalue(), media_type=ARROW_STREAM)


def _question(content: dict[str, Any]) -> dict[str, Any]:
    """Check the question's fields and return the arguments of ``Writer.sql``."""
    query = content.get("query")
    parameters = content.get("parameters", [])
    max_rows = content.get("max_rows", DEFAULT_MAX_ROWS)
    max_bytes = content.get("max_bytes", MAX_ANSWER_BYTES)
    timeout_s = content.get("timeout_s", DEFAULT_TIMEOUT_S)
    if not isinstance(query, str):
        raise QueryError('"query" is a text with one SELECT')
    if not isinstance(parameters, list):
        raise QueryError('"parameters" is a list')
    if max_rows is not None and (not isinstance(max_rows, int) or max_rows < 0):
        raise QueryError('"max_rows" is a whole number from 0, or null for all')
    if not isinstance(max_bytes, int) or not 0 < max_bytes <= MAX_ANSWER_BYTES:
        raise QueryError(f'"max_bytes" is a whole number from 1 to {MAX_ANSWER_BYTES}')
    if not isinstance(timeout_s, (int, float)) or not 0 < timeout_s <= _MAX_TIMEOUT_S:
        raise QueryError(f'"timeout_s" is a number of seconds above 0, at most {_MAX_TIMEOUT_S:g}')
    return {
        "query": query,
        "parameters": [from_json(value) for value in cast("list[object]", parameters)],
        "max_rows": max_rows,
        "max_bytes": max_bytes,
        "timeout_s": float(timeout_s),
    }
