"""``httpx.Client.send``, seen from SDKs that are not made by Stainless: bytes sent, bytes received.

``send`` is public API of httpx (and httpx2), and every request of such an SDK passes it once for
each attempt, so that an SDK's own retry loop is counted without a hook into it. The call is the one
that is current (``observe``). What else is asked inside of it, as a token from another server, is
told from the call's own requests by its path and left alone. Requests of other HTTP clients in the
process pass through after one look at a context variable.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from llmtrace.instrument import guard, invocation
from llmtrace.instrument.integrations.observe import current_call

if TYPE_CHECKING:
    from llmtrace.instrument.call import Call
    from llmtrace.instrument.patches import Undo

_ERROR_STATUS: Final = 400


def patch(undo: Undo, *modules: str) -> None:
    """Wrap ``Client.send`` of those of ``httpx`` and ``httpx2`` in ``modules`` that are loaded.

    Called from an SDK's own hook: by then the SDK has imported the one it uses.
    """
    for name in modules:
        module = sys.modules.get(name)
        if module is not None:
            undo.wrap(module, "Client", "send", _send)
            undo.wrap(module, "AsyncClient", "send", _send_async)


def _send(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del client
    call = current_call.get()
    if call is None or not call.integration.uses_http_seam or not _begin(call, args, kwargs):
        return wrapped(*args, **kwargs)
    response = wrapped(*args, **kwargs)
    see(call, response)
    return response


def _send_async(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del client
    call = current_call.get()
    if call is None or not call.integration.uses_http_seam or not _begin(call, args, kwargs):
        return wrapped(*args, **kwargs)
    return _attempt(call, wrapped, args, kwargs)


async def _attempt(call: Call, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    response = await wrapped(*args, **kwargs)
    see(call, response)
    return response


def _begin(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Note that a request goes out, and what is in it; False if it is not the call's own.

    It may never be answered: what it says is noted now.
    """
    try:
        request = args[0] if args else kwargs["request"]
        if call.integration.find_endpoint(request.method.lower(), request.url.path) is None:
            return False
        call.begin_attempt()
        invocation.see_request(call, request)
    except Exception:  # noqa: BLE001  # the SDK sends it all the same
        guard.fault("request")
        return False
    return True


def see(call: Call, response: Any) -> None:
    """Note an answer. The end of a stream ends the call, unless a generator of the SDK's does.

    A refusal that comes by pieces ends nothing: the SDK reads it before it raises, or tries again.
    """
    try:
        ends_call = response.status_code < _ERROR_STATUS and not call.is_stepped
        invocation.see_response(call, response, None, ends_call=ends_call)
    except Exception:  # noqa: BLE001  # the SDK gets its response untouched
        guard.fault("response")
