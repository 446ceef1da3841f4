"""The doors into a collector: the same spans by OTLP/HTTP protobuf, by JSON and by gRPC.

And what can be seen from outside: its figures, and what it answers to a query.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.collector.clients import PROTOBUF, Answer, call

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.collector import Collector
    from llmtrace.store import Writer

Door = Literal["protobuf", "json", "grpc"]
DOORS: tuple[Door, ...] = ("protobuf", "json", "grpc")
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
JSON = "application/json"
_SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+)="([^"]*)"\})? (\S+)')


class Said(NamedTuple):
    """What a door said to a request."""

    status: str
    """HTTP status or name of the gRPC code, as it is counted."""
    words: str
    rejected: int = 0
    retry_after: str | None = None
    """How long to wait before the next try, as it was said."""

    @property
    def verdict(self) -> Literal["taken", "again", "never"]:
        """Whether a client by the specification has done, tries again, or gives up."""
        if self.status in {"200", "OK"}:
            return "taken"
        later = {"429", "502", "503", "504", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}
        return "again" if self.status in later else "never"


def as_json(message: ExportTraceServiceRequest) -> Any:
    """Return OTLP/JSON: protobuf's own mapping with ids in hex."""
    content = json_format.MessageToDict(message)
    for resource in content.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return content


def send(collector: Collector, door: Door, payload: bytes, *, packed: bool = False) -> Said:
    """Send a serialized request through a door, as JSON through that; ``packed``: with gzip."""
    if door == "json":
        content = as_json(ExportTraceServiceRequest.FromString(payload))
        payload = json.dumps(content).encode()
    return send_raw(collector, door, payload, packed=packed)


def send_raw(
    collector: Collector, door: Door, body: bytes, *, packed: bool = False, token: str = ""
) -> Said:
    """Send these very bytes through a door."""
    if door == "grpc":
        return _by_grpc(collector, body, packed=packed, token=token)
    headers = {"Content_Type": JSON if door == "json" else PROTOBUF}
    if packed:
        headers["Content_Encoding"] = "gzip"
        body = gzip.compress(body, 1)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = call(collector.url, "POST", "/v1/traces", body, **headers)
    if answer.status != 200:
        words = answer.body.decode("utf-8", "replace")
        return Said(str(answer.status), words, retry_after=answer.headers.get("retry-after"))
    if door == "json":
        told = answer.json().get("partialSuccess", {})
        return Said("200", told.get("errorMessage", ""), int(told.get("rejectedSpans", 0)))
    return _taken("200", answer.body)


def _by_grpc(collector: Collector, body: bytes, *, packed: bool, token: str) -> Said:
    assert collector.grpc_url is not None
    with grpc.insecure_channel(collector.grpc_url) as channel:
        try:
            answer = channel.unary_unary(EXPORT)(
                body,
                timeout=20,
                metadata=(("authorization", f"Bearer {token}"),) if token else (),
                compression=grpc.Compression.Gzip if packed else None,
            )
        except grpc.RpcError as error:
            refused: Any = error
            details = dict(refused.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
            wait = "RetryInfo" if b"google.rpc.RetryInfo" in details else None
            return Said(refused.code().name, refused.details(), retry_after=wait)
    return _taken("OK", answer)


def _taken(status: str, body: bytes) -> Said:
    told = ExportTraceServiceResponse.FromString(body).partial_success
    return Said(status, told.error_message, told.rejected_spans)


class Watched:
    """A running collector, with its token: what it stored, and what it counts."""

    def __init__(self, collector: Collector, home: Path, writer: Writer | None = None) -> None:
        """``writer``: that of the collector; with it ``rows`` needs no process of its own."""
        self.collector = collector
        self._writer = writer
        self._token = (home / "token").read_text().strip()

    def figures(self) -> dict[str, float]:
        """Take everything in and return ``/metrics``: ``name`` or ``name{label's value}``."""
        assert self.refreshed()
        lines = call(self.collector.url, "GET", "/metrics").body.decode().splitlines()
        found = [_SAMPLE.fullmatch(line) for line in lines if not line.startswith("#")]
        assert all(found)
        return {f"{m[1]}{{{m[3]}}}" if m[2] else m[1]: float(m[4]) for m in found if m}

    def refreshed(self) -> bool:
        """Say whether all that waits could be stored."""
        return self._asked("/v1/refresh", {}).status == 200

    def counted(self) -> list[int]:
        """Return how many calls are stored and how many ids they have: one number if all is well.

        Does not wait for what is on its way.
        """
        question = {"query": "select count(*), count(distinct span_id) from llm_calls"}
        answer = self._asked("/v1/sql", question)
        assert answer.status == 200, answer.body
        return sorted(set(answer.json()["rows"][0]))

    def rows(self, query: str, *parameters: object) -> list[list[Any]]:
        """Take everything in and return a query's rows."""
        assert self.refreshed()
        assert self._writer is not None
        table = self._writer.sql(query, parameters)
        return [list(row.values()) for row in table.to_pylist()]

    def _asked(self, path: str, question: object) -> Answer:
        body = json.dumps(question).encode()
        return call(
            self.collector.url, "POST", path, body,
            Authorization=f"Bearer {self._token}", Accept=JSON,
        )  # fmt: skip
