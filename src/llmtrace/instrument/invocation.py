"""One call's life on the caller's thread: begin, enter, see what passes by, end.

The hooks of an integration call these in order. Everything here is a few attribute reads; whatever
can wait is done by the background thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context
from opentelemetry.trace import set_span_in_context

from llmtrace import semconv
from llmtrace.clock import wall_ns
from llmtrace.instrument import runtime, stream_usage, streams
from llmtrace.instrument.attribution import NOBODY, current_attribution
from llmtrace.instrument.call import Call
from llmtrace.instrument.spans import OwnSpan

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.context import Context

    from llmtrace.instrument.integrations._base import Endpoint, Integration


_MAX_DIGITS: Final = 18


class InnerCalls:
    """How many calls of SDKs began inside one model call of a framework.

    A framework's integration puts one into the context under ``semconv.INNER_CALLS_KEY``. If the
    count is above 0 when the framework's call ends, an SDK's span stands for it, and the framework
    must not make a second one that counts; at 0 nobody else saw the call.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        """Start with none."""
        self.count = 0


def begin(
    integration: Integration,
    endpoint: Endpoint,
    model: str | None,
    provider: str | None,
) -> Call | None:
    """Start a call in the current context; None if nothing is instrumented or it is not sampled."""
    recorder = runtime.active
    if recorder is None or integration.name not in recorder.integrations:
        return None
    current = context.get_current()
    attribution = NOBODY
    if current:  # an empty context, the common one, is not asked three questions
        if current.get(semconv.OFFLINE_KEY):
            return None
        above = current.get(semconv.INNER_CALLS_KEY)
        if type(above) is InnerCalls and endpoint.operation in semconv.INFERENCE_OPERATIONS:
            above.count += 1
        attribution = current_attribution(current)
    span = recorder.start_call(integration, endpoint, model, provider, current)
    if span is None:
        return None
    submit = recorder.pipeline.submit if type(span) is OwnSpan else recorder.submit
    call = Call(integration, endpoint, span, attribution, submit)
    call.model = model
    call.provider_hint = provider
    call.outside = current
    return call


def enter(call: Call) -> Token[Context]:
    """Make the call's span the current one."""
    inside = set_span_in_context(call.span, call.outside)
    call.outside = None
    return context.attach(inside)


def leave(token: Token[Context]) -> None:
    """Restore what was current before the call."""
    context.detach(token)


def see_response(call: Call, response: Any, retries: Any, *, ends_call: bool = True) -> None:
    """Note an HTTP answer: its bytes if they are here, else watch the stream they come by.

    ``ends_call`` False: the end of that stream does not end the call (``streams.watch``).
    """
    call.status = response.status_code
    call.headers = response.headers.raw
    if type(retries) is int:
        call.retries = retries
    see_request(call, response.request)
    is_kept = call.endpoint.is_kept
    if is_kept is not None:
        _leave_out(call, response, is_kept)
    if response.is_closed:
        if call.left_out is None:
            call.response_body = response.content
        call.has_body = True
    elif call.pieces is None:
        call.content_encoding = response.headers.get("content-encoding", "")
        streams.watch(response, call, ends_call=ends_call)
        if call.hides_usage:
            stream_usage.hide(response)


def _leave_out(call: Call, response: Any, is_kept: Callable[[str, bytes], bool]) -> None:
    """Note that an answer is a file, whose bytes nobody keeps."""
    kind = response.headers.get("content-type", "")
    content = response.content if response.is_closed else b""
    if is_kept(kind, content):
        return
    if response.is_closed:
        size: int | None = len(content)
    else:
        told = response.headers.get("content-length", "")
        size = int(told) if told.isdecimal() and len(told) <= _MAX_DIGITS else None
    call.left_out = kind.partition(";")[0].strip() or "application/octet-stream", size


def see_error(call: Call, error: BaseException) -> None:
    """Note the exception that the SDK is about to raise, with the answer that caused it."""
    call.fail(error)
    response = getattr(error, "response", None)
    if response is not None and call.status is None and not isinstance(response, dict):
        call.status = response.status_code
        call.headers = response.headers.raw
        if response.is_closed and not call.has_body:
            call.response_body = response.content
            call.has_body = True
    request = getattr(error, "request", None)
    if request is not None and call.host is None:
        see_request(call, request)
        attempt = request.headers.get("x-stainless-retry-count")
        if attempt is not None and attempt.isdecimal():
            call.retries = int(attempt)


def see_retry(call: Call, response: Any) -> None:
    """Note that an attempt failed (``response`` is None if none came) and another one follows."""
    if call.retried is None:
        call.retried = []
    status = response.status_code if response is not None else None
    wait = response.headers.get("retry-after") if response is not None else None
    call.retried.append((wall_ns(), status, wait))
    call.retries = len(call.retried)


def see_request(call: Call, request: Any) -> None:
    """Note where the request went and the very bytes that were sent."""
    url = request.url
    call.host = url.host
    call.port = url.port
    if call.endpoint.has_results:
        call.path = url.path
    if call.is_upload:
        return
    try:
        call.request_body = request._content  # noqa: SLF001  # the public property raises for no body
    except AttributeError:  # a body that is itself streamed (a file upload)
        call.request_body = None
