"""The xai-sdk: chat over gRPC, plain, streamed, parsed, in batches of answers, deferred.

SDK: xai-sdk 1. Wrapped: ``Chat.sample``, ``sample_batch``, ``parse``, ``_defer`` (each one request
for an answer) and the generators ``stream`` and ``stream_batch``; ``_make_request`` shows the
request, ``Response`` the answer, each step of a generator its chunk. There are no HTTP bytes: the
protobuf messages are kept serialized, and read as JSON in the background. The SDK emits a span of
its own for each call; inside a call that we record it is not started, so that tokens and cost are
counted once. A model of xAI called through the openai SDK comes by that SDK's integration.
Source: docs.x.ai/docs/grpc-reference.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.trace import INVALID_SPAN

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.observe import (
    current_call,
    failed,
    leave,
    observed,
    observed_async,
)
from llmtrace.instrument.scope import close_below

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from llmtrace.instrument.call import Call

_HTTP_STATUS: Final = {
    # google.rpc.Code → HTTP: github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def _to_json(message: str) -> Callable[[bytes], bytes]:
    """Return what turns a serialized message of xAI's chat API into JSON; for the background."""

    def read(data: bytes) -> bytes:
        protos: Any = importlib.import_module("xai_sdk.chat").chat_pb2
        json_format: Any = importlib.import_module("google.protobuf.json_format")
        parsed = getattr(protos, message).FromString(data)
        text = json_format.MessageToJson(parsed, preserving_proto_field_name=True, indent=None)
        return text.encode()

    return read


_CHUNK: Final = _to_json("GetChatCompletionChunk")
_END: Final = b""
"""The piece that stands for the orderly end of a stream; gRPC has no bytes for it."""


def _read_piece(piece: bytes) -> bytes:
    return _CHUNK(piece) if piece else b'{"done":true}'


_CHAT: Final = Endpoint(
    api=semconv.API_XAI_CHAT,
    operation=semconv.OP_CHAT,
    read_request=_to_json("GetCompletionsRequest"),
    read_response=_to_json("GetChatCompletionResponse"),
    read_piece=_read_piece,
)


def _begin(chat: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    del args, kwargs
    if current_call.get() is not None:
        return None
    return invocation.begin(INTEGRATION, _CHAT, chat._proto.model, None)  # noqa: SLF001  # the chat's request


def _sync_stream(wrapped: Any, chat: Any, args: Any, kwargs: Any) -> Generator[Any]:
    """Run the SDK's generator; a generator like the SDK's own.

    Its first step is inside the call: it makes the request, and would start the SDK's own span.
    """
    call = _begin_stream(chat)
    steps: Generator[Any] = wrapped(*args, **kwargs)
    if call is None:
        yield from steps
        return
    try:
        inside, token = invocation.enter(call), current_call.set(call)
        try:
            first = tuple(itertools.islice(steps, 1))
        finally:
            leave(token, inside)
        for step in itertools.chain(first, steps):
            _see_step(call, step)
            yield step
    except GeneratorExit:
        steps.close()
        _end_stream(call, None)
        raise
    except BaseException as error:
        _end_stream(call, error)
        raise
    _end_stream(call, None, is_whole=True)


async def _async_stream(wrapped: Any, chat: Any, args: Any, kwargs: Any) -> AsyncGenerator[Any]:
    """Do the same for the SDK's asynchronous generator."""
    call = _begin_stream(chat)
    steps = wrapped(*args, **kwargs)
    if call is None:
        async for step in steps:
            yield step
        return
    try:
        inside, token = invocation.enter(call), current_call.set(call)
        try:
            step = await anext(steps, None)
        finally:
            leave(token, inside)
        if step is not None:
            _see_step(call, step)
            yield step
        async for step in steps:
            _see_step(call, step)
            yield step
    except GeneratorExit:
        await close_below(steps)
        _end_stream(call, None)
        raise
    except BaseException as error:
        _end_stream(call, error)
        raise
    _end_stream(call, None, is_whole=True)


def _begin_stream(chat: Any) -> Call | None:
    try:
        call = _begin(chat, (), {})
        if call is not None:
            call.open_stream()
    except Exception:  # noqa: BLE001  # the call goes on, unobserved
        guard.fault("begin")
        return None
    return call


def _see_step(call: Call, step: Any) -> None:
    """Keep the chunk of a step: ``(answer so far, chunk)``, or of a batch a list of each."""
    try:
        call.status = 200
        chunk: Any = step[1]
        if type(chunk) is list:
            chunk = cast("list[Any]", chunk)[0]
        call.keep_piece(chunk._proto.SerializeToString())  # noqa: SLF001  # .proto is a call more
    except Exception:  # noqa: BLE001  # the app gets its chunk
        guard.fault("stream")


def _end_stream(call: Call, error: BaseException | None, *, is_whole: bool = False) -> None:
    if error is not None:
        _see_refusal(call, error)
        failed(call, error)
        return
    try:
        if is_whole:
            call.keep_piece(_END)
        call.end("completed" if is_whole else "abandoned")
    except Exception:  # noqa: BLE001  # the app's stream ends as it would
        guard.fault("stream.end")


def _see_request(wrapped: Any, chat: Any, args: Any, kwargs: Any) -> Any:
    del chat
    request = wrapped(*args, **kwargs)
    call = current_call.get()
    if call is not None and call.integration is INTEGRATION:
        try:
            call.request_body = request.SerializeToString()
        except Exception:  # noqa: BLE001  # the SDK sends its request
            guard.fault("request")
    return request


def _see_answer(wrapped: Any, answer: Any, args: Any, kwargs: Any) -> Any:
    made = wrapped(*args, **kwargs)
    call = current_call.get()
    if call is not None and call.integration is INTEGRATION and call.pieces is None:
        try:
            call.response_body = answer._proto.SerializeToString()  # noqa: SLF001  # .proto merges chunks
            call.has_body = True
            call.status = 200
        except Exception:  # noqa: BLE001  # the SDK goes on
            guard.fault("response")
    return made


def _see_refusal(call: Call, error: BaseException) -> None:
    """Note the status of a gRPC error as the HTTP status it stands for, and its own name."""
    code = getattr(error, "code", None)
    if not callable(code):
        return
    try:
        call.status = _HTTP_STATUS.get(str(getattr(code(), "name", "")), call.status)
    except Exception:  # noqa: BLE001  # the app's exception goes on unchanged
        guard.fault("fail")


class _QuietTracer:
    """The SDK's tracer, silent inside a call of ours: one span stands for it, and counts."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        if current_call.get() is not None:
            return contextlib.nullcontext(INVALID_SPAN)
        return self._inner.start_as_current_span(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _patch_shared(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseChat", "_make_request", _see_request)
    undo.wrap(module, "Response", "__init__", _see_answer)
    return undo


def _patch(call_wrapper: Any, stream_wrapper: Any) -> Callable[[object], Callable[[], None]]:
    def patch(module: Any) -> Callable[[], None]:
        undo = patches.Undo(INTEGRATION.name)
        for name in ("sample", "sample_batch", "parse", "_defer"):
            undo.wrap(module, "Chat", name, call_wrapper)
        for name in ("stream", "stream_batch"):
            undo.wrap(module, "Chat", name, stream_wrapper)
        tracer = getattr(module, "tracer", None)
        if tracer is not None and type(tracer) is not _QuietTracer:
            module.tracer = _QuietTracer(tracer)

        def undo_all() -> None:
            undo()
            if tracer is not None:
                module.tracer = tracer

        return undo_all

    return patch


def _sync_call(wrapped: Any, chat: Any, args: Any, kwargs: Any) -> Any:
    def noting(*args: Any, **kwargs: Any) -> Any:
        try:
            return wrapped(*args, **kwargs)
        except Exception as error:
            _note_refusal(error)
            raise

    return _observed(noting, chat, args, kwargs)


async def _async_call(wrapped: Any, chat: Any, args: Any, kwargs: Any) -> Any:
    async def noting(*args: Any, **kwargs: Any) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        except Exception as error:
            _note_refusal(error)
            raise

    return await _observed_async(noting, chat, args, kwargs)


_observed = observed(_begin)
_observed_async = observed_async(_begin)


def _note_refusal(error: BaseException) -> None:
    call = current_call.get()
    if call is not None:
        _see_refusal(call, error)


def _find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return None: calls are found by the SDK's own functions, not by a path."""
    del method, url


INTEGRATION: Final = Integration(
    name="xai",
    distribution="xai-sdk",
    tested="xai-sdk >= 1.5, < 2",
    default_provider="x_ai",
    hooks={
        "xai_sdk.chat": _patch_shared,
        "xai_sdk.sync.chat": _patch(_sync_call, _sync_stream),
        "xai_sdk.aio.chat": _patch(_async_call, _async_stream),
    },
    find_endpoint=_find_endpoint,
)
