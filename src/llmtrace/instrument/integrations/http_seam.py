"""``httpx.Client.send``, seen from SDKs that are not made by Stainless: bytes sent, bytes received.

``send`` is public API of httpx (and httpx2), and every request of such an SDK passes it once for
each attempt, so that an SDK's own retry loop is counted without a hook into it. A call is found in
two ways: the SDK's own function was wrapped with ``observe.observed`` and the call is current; or
the SDK has no function around all of it (a generator that streams), and its HTTP client was
``claim``-ed: then ``send`` itself begins the call, and the end of the stream ends it.

Requests of other HTTP clients in the process pass through after one look at a context variable and
one at a dictionary.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from llmtrace.instrument import guard, invocation
from llmtrace.instrument.integrations.observe import (
    current_call,
    observed,
    observed_async,
)

if TYPE_CHECKING:
    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations._base import Integration
    from llmtrace.instrument.patches import Undo

_claims: WeakKeyDictionary[object, Integration] = WeakKeyDictionary()


def patch(undo: Undo, *modules: str) -> None:
    """Wrap ``Client.send`` of those of ``httpx`` and ``httpx2`` in ``modules`` that are loaded.

    Called from an SDK's own hook: by then the SDK has imported the one it uses.
    """
    for name in modules:
        module = sys.modules.get(name)
        if module is not None:
            undo.wrap(module, "Client", "send", _send)
            undo.wrap(module, "AsyncClient", "send", _send_async)


def claim(client: object, integration: Integration) -> None:
    """Say that requests of this HTTP client are the SDK's; ``find_endpoint`` tells LLM calls."""
    _claims[client] = integration


def _mine() -> Call | None:
    call = current_call.get()
    return call if call is not None and call.integration.uses_http_seam else None


def _begin_claimed(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    integration = _claims.get(client)
    if integration is None:
        return None
    request = args[0] if args else kwargs["request"]
    endpoint = integration.find_endpoint(request.method.lower(), request.url.path)
    if endpoint is None:
        return None
    return invocation.begin(integration, endpoint, None, None)


def _send(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = _mine()
    if call is None:
        return _send_claimed(wrapped, client, args, kwargs) if _claims else wrapped(*args, **kwargs)
    call.begin_attempt()
    response = wrapped(*args, **kwargs)
    _see(call, response, ends_call=response.status_code < 400)
    return response


async def _send_async(
    wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    call = _mine()
    if call is None:
        if not _claims:
            return await wrapped(*args, **kwargs)
        return await _send_claimed_async(wrapped, client, args, kwargs)
    call.begin_attempt()
    response = await wrapped(*args, **kwargs)
    _see(call, response, ends_call=response.status_code < 400)
    return response


def _send_claimed(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    def send(*args: Any, **kwargs: Any) -> Any:
        response = wrapped(*args, **kwargs)
        call = current_call.get()
        if call is not None:
            _see(call, response, ends_call=True)
        return response

    return _claimed(send, client, args, kwargs)


async def _send_claimed_async(
    wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    async def send(*args: Any, **kwargs: Any) -> Any:
        response = await wrapped(*args, **kwargs)
        call = current_call.get()
        if call is not None:
            _see(call, response, ends_call=True)
        return response

    return await _claimed_async(send, client, args, kwargs)


_claimed = observed(_begin_claimed)
_claimed_async = observed_async(_begin_claimed)


def _see(call: Call, response: Any, *, ends_call: bool) -> None:
    try:
        invocation.see_response(call, response, call.retries, ends_call=ends_call)
    except Exception:  # noqa: BLE001  # the SDK gets its response untouched
        guard.fault("response")
