"""Answer an application's LLM calls from stored ones: no network, no key, no cost. For tests.

Below the SDKs: while a session is active, ``send`` of the HTTP clients that they use (httpx2, and
httpx for older ones) answers requests to LLM APIs itself. The SDK's code above runs unmodified:
parsing, streaming, helpers, raw responses, errors. Only the context that entered the session, and
tasks or threads that inherit it, are affected; other HTTP requests pass through.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self, cast

from opentelemetry import context

from llmtrace import semconv
from llmtrace.errors import ReplayError
from llmtrace.replay.matching import choose, explain
from llmtrace.replay.served import ServedAnswer, ServedFailure, api_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextvars import Token
    from types import ModuleType

    from opentelemetry.context import Context

    from llmtrace.replay.stored import JsonObject, StoredCall

_HTTP_MODULES: Final = ("httpx2", "httpx")
_HOSTS: Final = frozenset({"api.openai.com", "api.anthropic.com"})
_SDK_HEADER: Final = "x-stainless-lang"
"""Sent by every SDK of this family, whatever host it speaks to."""
_SDK_NAMES: Final = re.compile("openai|anthropic", re.IGNORECASE)

_active: ContextVar[ReplaySession | None] = ContextVar("llmtrace_replay", default=None)


class ReplaySession:
    """Stored calls waiting to be asked for; a context manager, used once."""

    def __init__(self, calls: Sequence[StoredCall]) -> None:
        """Take the calls in the order in which they were made."""
        self.calls: tuple[StoredCall, ...] = tuple(calls)
        """All of them."""
        self._waiting = list(calls)
        self._lock = threading.Lock()
        self._token: Token[ReplaySession | None] | None = None
        self._context: Token[Context] | None = None

    @property
    def unused(self) -> tuple[StoredCall, ...]:
        """The calls that the program has not made (yet), in their order."""
        return tuple(self._waiting)

    @property
    def used(self) -> tuple[StoredCall, ...]:
        """The calls that were answered, in the order of the recording."""
        waiting = {id(call) for call in self._waiting}
        return tuple(call for call in self.calls if id(call) not in waiting)

    def take(self, api: str, body: JsonObject) -> StoredCall:
        """Return the call that answers this request, and use it up.

        Raises ReplayError saying what differs if there is none.
        """
        with self._lock:
            found = choose(self._waiting, api, body)
            if found is None:
                why = explain(self.calls, self._waiting, api, body)
                raise ReplayError(f"no stored call answers this {api} request: {why}")
            self._waiting = [call for call in self._waiting if call is not found]
            return found

    def __enter__(self) -> Self:
        if self._token is not None:
            raise ReplayError("a replay session is entered once; make another one")
        _patches.install()
        self._token = _active.set(self)
        # nothing is sent and nothing is paid, so nothing is to be recorded as if it were
        self._context = context.attach(context.set_value(semconv.OFFLINE_KEY, value=True))
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _active.reset(self._token)
        if self._context is not None:
            context.detach(self._context)
        _patches.remove()


class _Patches:
    """``send`` of the HTTP clients, replaced while any session is active, and put back after."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions = 0
        self._undo: list[tuple[type, Any, Any]] = []

    def install(self) -> None:
        with self._lock:
            if self._sessions == 0:
                modules = [module for name in _HTTP_MODULES if (module := _imported(name))]
                if not modules:
                    raise ReplayError(
                        "replaying offline needs the HTTP library of the SDKs (httpx2 or httpx); "
                        "install the SDK that the program uses"
                    )
                for module in modules:
                    self._replace(module.Client, _sync_send(module, module.Client.send))
                    self._replace(module.AsyncClient, _async_send(module, module.AsyncClient.send))
            self._sessions += 1

    def remove(self) -> None:
        with self._lock:
            self._sessions -= 1
            if self._sessions:
                return
            for owner, original, ours in reversed(self._undo):
                # what another tool put on top of ours is left alone: ours then passes through
                if vars(owner).get("send") is ours:
                    owner.send = original
            self._undo.clear()

    def _replace(self, owner: Any, ours: Any) -> None:
        # What lies in the class itself: asked by its name, a wrapper gives a bound copy of itself.
        own = cast("Mapping[str, Any]", vars(owner))
        self._undo.append((owner, own["send"], ours))
        owner.send = ours


_patches = _Patches()


def _imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _sync_send(module: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def send(client: Any, request: Any, **kwargs: Any) -> Any:
        session = _active.get()
        if session is None or not _is_llm_request(request):
            return original(client, request, **kwargs)
        return _answer(module, session, request, request.read())

    return send


def _async_send(module: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    async def send(client: Any, request: Any, **kwargs: Any) -> Any:
        session = _active.get()
        if session is None or not _is_llm_request(request):
            return await original(client, request, **kwargs)
        return _answer(module, session, request, await request.aread())

    return send


def _is_llm_request(request: Any) -> bool:
    """Say whether a request is an LLM SDK's: such a one never reaches the network in a session."""
    if request.url.host in _HOSTS:
        return True
    if _SDK_HEADER not in request.headers:
        return False
    is_ours = _SDK_NAMES.search(request.headers.get("user-agent", "")) is not None
    return is_ours or api_of(request.method, request.url.path) is not None


def _answer(module: Any, session: ReplaySession, request: Any, content: bytes) -> Any:
    """Build the response. Raises a connection error that is also a ReplayError if none fits."""
    try:
        served = _served(session, request, content)
    except ReplayError as error:
        raise _unanswered(module, str(error), request) from error
    if isinstance(served, ServedFailure):
        kind = module.ReadTimeout if served.kind == "timeout" else module.ConnectError
        raise kind(served.message, request=request)
    response = module.Response(
        served.status, headers=served.headers, content=served.content, request=request
    )
    response.elapsed = timedelta(0)
    return response


def _served(session: ReplaySession, request: Any, content: bytes) -> ServedAnswer | ServedFailure:
    api = api_of(request.method, request.url.path)
    if api is None:
        raise ReplayError(
            f"{request.method} {request.url.path} cannot be answered from stored calls, and "
            "nothing goes to the network inside llmtrace.replay()"
        )
    body = _parsed(content)
    return serve(session.take(api, body), body)


def _parsed(content: bytes) -> JsonObject:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ReplayError("the program's request is not a JSON object")
    return cast("JsonObject", body)


def _unanswered(module: Any, message: str, request: Any) -> Exception:
    """Return an error that the SDK takes for a failed connection, and that is ours by type."""

    class UnansweredCallError(module.ConnectError, ReplayError):
        """No stored call answers a request that was made inside ``llmtrace.replay()``."""

    make: Any = UnansweredCallError  # its constructor is the HTTP library's
    return make(message, request=request)
