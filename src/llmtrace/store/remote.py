"""A reader that asks the running collector: SQL over HTTP, rows back as an Arrow stream."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import pyarrow as pa

from llmtrace.errors import QueryError, StoreError, StoreUnreachableError
from llmtrace.store.adhoc import DEFAULT_MAX_ROWS, DEFAULT_TIMEOUT_S, Cancellation
from llmtrace.store.http_connection import CLOSED, Connections
from llmtrace.store.metric_json import metric_question
from llmtrace.store.parameters import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmtrace.config import Secret
    from llmtrace.store.discovery import RunningCollector
    from llmtrace.store.metrics import MetricQuery

# Above the query's own limit: the collector says itself that a query took too long, and may have
# to start a process for it.
_PATIENCE_S: Final = 20.0
_REFRESH_TIMEOUT_S: Final = 60.0
_STATUS_TIMEOUT_S: Final = 10.0
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"


_Request = tuple[str, str, "str | None", "Mapping[str, str]"]
"""Method, path, body, headers."""


class RemoteStore:
    """The store behind a collector's URL; from any thread."""

    def __init__(self, collector: RunningCollector, token: Secret | None) -> None:
        """Prepare to ask; nothing is sent yet."""
        self._collector = collector
        self._token = token
        self._connections = Connections(collector.url, collector.fingerprint)

    @property
    def where(self) -> str:
        """Name the collector."""
        return f"collector {self._collector.url}"

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_bytes: int | None = None,
        cancellation: Cancellation | None = None,
    ) -> pa.Table:
        """Run one SELECT in the collector (see ``Store.sql``); ``cancellation`` hangs up on it.

        The collector ends a query whose asker is gone. ``max_bytes``: of the rows; None: its own.
        """
        question = _question(query, parameters, max_rows, timeout_s)
        if max_bytes is not None:
            question["max_bytes"] = max_bytes
        return self._rows("/v1/sql", question, timeout_s=timeout_s, cancellation=cancellation)

    def own_sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = DEFAULT_MAX_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> pa.Table:
        """Run one SELECT of ours in the collector itself (see ``own_sql``)."""
        question = _question(query, parameters, max_rows, timeout_s) | {"is_ours": True}
        return self._rows("/v1/sql", question, timeout_s=timeout_s)

    def metrics(self, query: MetricQuery) -> pa.Table:
        """Have the collector answer a question to the metric layer (see ``run_metrics``)."""
        question = metric_question(query)
        return self._rows("/v1/metrics-query", question, timeout_s=DEFAULT_TIMEOUT_S)

    def status(self) -> dict[str, Any]:
        """Return what the collector tells of itself (``GET /status``)."""
        return self._object(self._send("GET", "/status", None, timeout_s=_STATUS_TIMEOUT_S))

    def _rows(
        self,
        path: str,
        question: object,
        *,
        timeout_s: float,
        cancellation: Cancellation | None = None,
    ) -> pa.Table:
        patience_s = timeout_s + _PATIENCE_S
        body = self._post(path, question, timeout_s=patience_s, cancellation=cancellation)
        try:
            with pa.ipc.open_stream(body) as reader:
                return reader.read_all()
        except (pa.ArrowException, OSError) as error:
            raise self._stranger("rows") from error

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except ValueError as error:
            raise self._stranger("JSON") from error
        if not isinstance(found, dict):
            raise self._stranger("an object")
        return cast("dict[str, Any]", found)

    def _stranger(self, wanted: str) -> StoreUnreachableError:
        return StoreUnreachableError(
            f"what answers at {self._collector.url} did not send {wanted}; see whether that is the "
            "collector, and of this version"
        )

    def refresh(self) -> None:
        """Return once the collector has taken in what apps had written to the spool."""
        self._post("/v1/refresh", {}, timeout_s=_REFRESH_TIMEOUT_S)

    def admin(
        self, operation: str, arguments: Mapping[str, object], *, timeout_s: float
    ) -> dict[str, Any]:
        """Run one maintenance operation in the collector and return its outcome."""
        path = f"/v1/admin/{operation}"
        body = self._post(path, dict(arguments), timeout_s=timeout_s, is_question=False)
        return self._object(body)

    def close(self) -> None:
        """Close the connections that are kept for the next question."""
        self._connections.close()

    def _post(
        self,
        path: str,
        content: object,
        *,
        timeout_s: float,
        cancellation: Cancellation | None = None,
        is_question: bool = True,
    ) -> bytes:
        return self._send(
            "POST",
            path,
            json.dumps(content),
            timeout_s=timeout_s,
            cancellation=cancellation,
            is_question=is_question,
        )

    def _send(
        self,
        method: str,
        path: str,
        content: str | None,
        *,
        timeout_s: float,
        cancellation: Cancellation | None = None,
        is_question: bool = True,
    ) -> bytes:
        """Return the body of an answer. Whatever is no question is not sent a second time."""
        cancellation = cancellation or Cancellation()
        headers = {"Content-Type": "application/json", "Accept": f"{ARROW_STREAM}, */*"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        request = (method, path, content, headers)
        kept = self._connections.take(timeout_s=timeout_s) if is_question else None
        try:
            try:
                connection = kept or self._connections.open(timeout_s=timeout_s)
                answer, body = _asked(connection, request, cancellation)
            except CLOSED:
                if kept is None or cancellation.is_asked:
                    raise
                # It was closed for its idleness; nobody read the question.
                connection = self._connections.open(timeout_s=timeout_s)
                answer, body = _asked(connection, request, cancellation)
        except (OSError, http.client.HTTPException) as error:
            if cancellation.is_asked:
                raise QueryError("the query was cancelled") from error
            raise StoreUnreachableError(
                f"the collector at {self._collector.url} (process {self._collector.pid}) does not "
                f"answer: {type(error).__name__}; see whether it still runs, then try again"
            ) from error
        self._connections.keep(connection)
        if answer.status != http.client.OK:
            raise self._refusal(answer.status, body)
        return body

    def _refusal(self, status: int, body: bytes) -> QueryError | StoreError:
        try:
            text = str(json.loads(body)["error"])
        except (ValueError, KeyError, TypeError):
            text = f"HTTP status {status}"
        if status == http.client.BAD_REQUEST:
            return QueryError(text)
        if status == http.client.UNAUTHORIZED:
            return StoreError(
                f"the collector at {self._collector.url} refuses the token; set LLMTRACE_TOKEN to "
                "the one it was started with, or unset it to use the token file of LLMTRACE_HOME"
            )
        return StoreUnreachableError(f"the collector at {self._collector.url}: {text}")


def _question(
    query: str, parameters: Sequence[object], max_rows: int | None, timeout_s: float
) -> dict[str, object]:
    return {
        "query": query,
        "parameters": [to_json(value) for value in parameters],
        "max_rows": max_rows,
        "timeout_s": timeout_s,
    }


def _asked(
    connection: http.client.HTTPConnection, request: _Request, cancellation: Cancellation
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the answer and all of its body; whatever goes wrong, the connection is closed."""
    try:
        with cancellation.watching(partial(_hang_up, connection.sock)):
            connection.request(*request)
            answer = connection.getresponse()
            return answer, answer.read()
    except BaseException:
        connection.close()
        raise


def _hang_up(connection: socket.socket) -> None:
    """End whatever waits for an answer; closing alone would not wake it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
