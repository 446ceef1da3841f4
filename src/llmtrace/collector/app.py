"""The collector's HTTP face: spans in, queries out as Arrow streams, health for whoever watches.

Only routes and who may use them; what they do is in ``traces``, ``drainer`` and the store.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from llmtrace.collector.exposition import CONTENT_TYPE, exposition
from llmtrace.collector.forward_figures import forward_status
from llmtrace.collector.queries import json_body
from llmtrace.errors import LlmtraceError, QueryError, StoreError
from llmtrace.store.maintenance.operations import perform
from llmtrace.store.maintenance.workplace import Workplace
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from llmtrace.clock import Clock
    from llmtrace.collector.access import Access
    from llmtrace.collector.drainer import Drainer
    from llmtrace.collector.intake import Intake
    from llmtrace.collector.queries import QueryRoutes
    from llmtrace.collector.self_metrics import SelfMetrics
    from llmtrace.collector.traces import HttpReceiver
    from llmtrace.config import Settings
    from llmtrace.store import Drain, Writer

    Handler = Callable[[Request], Awaitable[Response]]

_REFRESH_TIMEOUT_S: Final = 50.0


class Routes:
    """The answers to each route."""

    def __init__(
        self,
        *,
        writer: Writer,
        drain: Drain,
        drainer: Drainer,
        intake: Intake,
        figures: SelfMetrics,
        settings: Settings,
        clock: Clock,
    ) -> None:
        """Answer from these."""
        self._place = Workplace(
            settings=settings, writer=writer, clock=clock, refresh=self._take_in
        )
        self._writer = writer
        self._drain = drain
        self._drainer = drainer
        self._intake = intake
        self._figures = figures

    async def refresh(self, request: Request) -> Response:
        """Answer once the spool is taken in."""
        del request
        if await run_in_threadpool(self._drainer.refresh, _REFRESH_TIMEOUT_S):
            return JSONResponse({"status": "ok"})
        reason = self._drainer.error or "the spool is not taken in yet"
        return JSONResponse({"error": reason}, 503)

    async def admin(self, request: Request) -> Response:
        """Run one maintenance operation and answer with its outcome."""
        name = str(request.path_params["operation"])
        try:
            arguments = await json_body(request)
            outcome = await run_in_threadpool(perform, self._place, name, arguments)
        except QueryError as error:
            return JSONResponse({"error": str(error)}, 400)
        except LlmtraceError as error:
            return JSONResponse({"error": str(error)}, 503)
        return JSONResponse(outcome)

    async def healthz(self, request: Request) -> Response:
        """Say that the process lives."""
        del request
        return JSONResponse({"status": "ok", "pid": os.getpid(), "version": VERSION})

    async def readyz(self, request: Request) -> Response:
        """Say whether spans get into the store."""
        del request
        problem = self._drainer.error
        if problem is None and not self._drainer.is_alive():
            problem = "the drain has ended"
        if problem is not None:
            return JSONResponse({"status": "failing", "error": problem}, 503)
        return JSONResponse({"status": "ok"})

    async def status(self, request: Request) -> Response:
        """Tell the figures of ingestion."""
        del request
        try:
            return JSONResponse(await run_in_threadpool(self._status))
        except LlmtraceError as error:
            return JSONResponse({"error": str(error)}, 503)

    async def metrics(self, request: Request) -> Response:
        """Tell the same figures, and more, to Prometheus."""
        del request
        try:
            families = await run_in_threadpool(self._figures.families)
        except LlmtraceError as error:
            return JSONResponse({"error": str(error)}, 503)
        return Response(exposition(families), headers={"Content-Type": CONTENT_TYPE})

    def _take_in(self) -> None:
        if not self._drainer.refresh(_REFRESH_TIMEOUT_S):
            raise StoreError(self._drainer.error or "the spool is not taken in yet; try again")

    def _status(self) -> dict[str, object]:
        counts = self._writer.counts()
        ledger = self._drain.ledger
        return {
            "version": VERSION,
            "pid": os.getpid(),
            "schema": self._writer.schema,
            "received": self._intake.received,
            "refused_requests": dict(self._intake.refused),
            "refused_signals": dict(self._intake.unsupported),
            "stored": ledger.stored,
            "duplicates": ledger.duplicates,
            "dead_letters": ledger.dead_letter_requests,
            "damaged_frames": ledger.damaged_stretches,
            "lag_bytes": self._drain.pending_bytes(),
            "error": self._drainer.error,
            "forward": forward_status(self._figures.forwarded()),
            # Since the store was made, over all collectors and readers.
            "counts": counts,
            # Since the start, the same as ``/metrics``.
            "figures": {
                family.name: [
                    {"labels": dict(labels), "value": value} for labels, value in family.samples
                ]
                for family in self._figures.families()
            },
            "rejected": {
                name.removeprefix("rejected."): count
                for name, count in counts.items()
                if name.startswith("rejected.")
            },
        }


def make_app(
    routes: Routes, queries: QueryRoutes, receiver: HttpReceiver, access: Access
) -> Starlette:
    """Wire the routes: reading asks for the collector's token, sending for what ``access`` says."""

    def guarded(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if access.may_read(request.headers.get("authorization", "")):
                return await handler(request)
            return JSONResponse(
                {"error": "a bearer token is needed: the collector's, see its token file"},
                401,
                headers={"WWW-Authenticate": "Bearer"},
            )

        return checked

    def maybe(handler: Handler) -> Handler:
        return guarded(handler) if access.is_guarded else handler

    def sending(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            sender = access.sender(request.headers.get("authorization", ""))
            if sender is None:
                return receiver.stranger(request)
            request.state.project = sender.project
            return await handler(request)

        return checked

    return Starlette(
        routes=[
            Route("/v1/traces", sending(receiver.traces), methods=["POST"]),
            Route("/v1/logs", sending(receiver.logs), methods=["POST"]),
            Route("/v1/metrics", sending(receiver.metrics), methods=["POST"]),
            Route("/v1/sql", guarded(queries.sql), methods=["POST"]),
            Route("/v1/metrics-query", guarded(queries.metrics), methods=["POST"]),
            Route("/v1/refresh", guarded(routes.refresh), methods=["POST"]),
            Route("/v1/admin/{operation}", guarded(routes.admin), methods=["POST"]),
            Route("/healthz", routes.healthz, methods=["GET"]),
            Route("/readyz", routes.readyz, methods=["GET"]),
            Route("/status", maybe(routes.status), methods=["GET"]),
            Route("/metrics", maybe(routes.metrics), methods=["GET"]),
        ]
    )
