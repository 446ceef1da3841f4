"""The mistralai SDK: chat, FIM, agents, conversations, embeddings, OCR, sound, moderations.

SDK: mistralai 2 and 3 (1 works), its Azure and Google clients too. Wrapped: ``do_request`` and its
async twin, which every public method calls, with all retries inside; what goes over the wire is
seen at httpx. The SDK makes its exception of a refusal only after that, out of the response: the
call waits for it there, so that it names the exception that the app sees.

The SDK can emit spans of its own (``MISTRAL_SDK_TELEMETRY``, off by default). Where they would go
to the tracer provider that has ours, they are not started inside a call that we record, so that
tokens and cost are counted once; those for Mistral's own studio (``dedicated``) are left alone.

Not recorded: files, batch jobs, libraries, fine-tuning, workflows, realtime sessions.
Formats: docs.mistral.ai/api.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches, runtime
from llmtrace.instrument.integrations import http_seam
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.observe import (
    current_call,
    failed,
    observed,
    observed_async,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call

_ERROR_STATUS: Final = 400
_CHAT: Final = Endpoint(api=semconv.API_MISTRAL_CHAT, operation=semconv.OP_CHAT)
_FIM: Final = Endpoint(api=semconv.API_MISTRAL_CHAT, operation=semconv.OP_TEXT_COMPLETION)
_CLASSIFY: Final = Endpoint(api=semconv.API_OPENAI_MODERATIONS, operation=semconv.OP_CLASSIFICATION)
_MODERATE: Final = Endpoint(api=semconv.API_OPENAI_MODERATIONS, operation=semconv.OP_MODERATION)
_ENDPOINTS: Final = (
    (r".*/chat/completions|.*/agents/completions", _CHAT),
    (r".*[/:](?:streamR|r)awPredict", _CHAT),  # Google's name for all that its models do
    (r".*/fim/completions", _FIM),
    (
        r".*/conversations(?:/[^/]+(?:/restart)?)?",
        Endpoint(api=semconv.API_MISTRAL_CONVERSATIONS, operation=semconv.OP_CHAT),
    ),
    (r".*/responses", Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_CHAT)),
    (
        r".*/responses/input_tokens",
        Endpoint(api=semconv.API_OPENAI_RESPONSES, operation=semconv.OP_COUNT_TOKENS),
    ),
    (
        r".*/embeddings",
        Endpoint(api=semconv.API_OPENAI_EMBEDDINGS, operation=semconv.OP_EMBEDDINGS),
    ),
    (r".*/ocr", Endpoint(api=semconv.API_MISTRAL_OCR, operation=semconv.OP_OCR)),
    (
        r".*/audio/transcriptions",
        Endpoint(api=semconv.API_MISTRAL_TRANSCRIPTION, operation=semconv.OP_TRANSCRIPTION),
    ),
    (r".*/audio/speech", Endpoint(api=semconv.API_OPENAI_SPEECH, operation=semconv.OP_SPEECH)),
    (r".*/moderations", _MODERATE),
    (r".*/classifications", _CLASSIFY),
)
_KEY: Final = "llmtrace"
"""Under which a refused response has its call (``extensions`` are httpx's place for such)."""


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on a URL's path is; None: not ours."""
    return _find(path) if method == "post" else None


@lru_cache(maxsize=256)
def _find(path: str) -> Endpoint | None:
    return next((found for like, found in _ENDPOINTS if re.fullmatch(like, path)), None)


def _begin(sdk: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Start a call if this request is an LLM call; the model is in the body, for later."""
    del sdk
    request = kwargs["request"] if "request" in kwargs else args[1]
    endpoint = find_endpoint(request.method.lower(), request.url.path)
    return None if endpoint is None else invocation.begin(INTEGRATION, endpoint, None, None)


_call = observed(_begin)
_call_async = observed_async(_begin)


def _request(wrapped: Any, sdk: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    def request(*args: Any, **kwargs: Any) -> Any:
        response = wrapped(*args, **kwargs)
        _answered(response)
        return response

    return _call(request, sdk, args, kwargs)


def _request_async(wrapped: Any, sdk: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    async def request(*args: Any, **kwargs: Any) -> Any:
        response = await wrapped(*args, **kwargs)
        _answered(response)
        return response

    return _call_async(request, sdk, args, kwargs)


def _answered(response: Any) -> None:
    """Let a refused call stay open until the SDK has made its exception of the response.

    A client that traced itself before we came keeps the ``send`` of then, which passes by us: its
    answer is noted here, without the attempts before it.
    """
    call = current_call.get()
    if call is None:
        return
    if not call.attempts:
        http_seam.see(call, response)
    if response.status_code < _ERROR_STATUS:
        return
    try:
        response.extensions[_KEY] = _Refused(call)
        call.streaming = True  # it does not end with the function
    except Exception:  # noqa: BLE001  # it ends now, and names the status
        guard.fault("response")


class _Refused:
    """A call that waits for the exception; it ends with the response if none is made."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def failed(self, error: BaseException) -> None:
        """End the call with the exception."""
        failed(self._call, error)

    def __del__(self) -> None:
        if self._call.end_mono_ns:
            return
        try:
            self._call.is_forgotten = True
            self._call.end()
        except Exception:  # noqa: BLE001  # nobody is there to hear of it
            guard.fault("end")


def _see_error(wrapped: Any, error: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """End the call that an exception comes from, once it is made."""
    result = wrapped(*args, **kwargs)
    try:
        response = kwargs["raw_response"] if "raw_response" in kwargs else args[1]
        refused = response.extensions.pop(_KEY, None)
        if type(refused) is _Refused:
            refused.failed(error)
    except Exception:  # noqa: BLE001  # the app gets its exception
        guard.fault("fail")
    return result


def _no_second_span(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Let the SDK go without its own span where ours stands for the call.

    It returns (whether to trace, tracer) for the provider it is given; None is the global one.
    """
    del owner
    is_traced, tracer = wrapped(*args, **kwargs)
    recorder = runtime.active
    if is_traced and recorder is not None and current_call.get() is not None:
        provider = args[0] if args else kwargs.get("provider")
        is_traced = provider is not None and provider is not recorder.provider()
    return is_traced, tracer


def _patch(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseSDK", "do_request", _request)
    undo.wrap(module, "BaseSDK", "do_request_async", _request_async)
    http_seam.patch(undo, "httpx2", "httpx")
    return undo


def _patch_errors(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "MistralError", "__init__", _see_error, optional=True)
    undo.wrap(module, "MistralAzureError", "__init__", _see_error, optional=True)
    undo.wrap(module, "MistralGCPError", "__init__", _see_error, optional=True)
    return undo


def _patch_tracing(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "get_or_create_otel_tracer", _no_second_span, optional=True)
    return undo


INTEGRATION: Final = Integration(
    name="mistralai",
    distribution="mistralai",
    tested="mistralai >= 2, < 4",
    default_provider="mistral_ai",
    hooks={
        "mistralai.client.basesdk": _patch,
        "mistralai.client.errors.mistralerror": _patch_errors,
        "mistralai.client._hooks.tracing": _patch_tracing,
        "mistralai.azure.client.basesdk": _patch,
        "mistralai.azure.client.errors.mistralazureerror": _patch_errors,
        "mistralai.gcp.client.basesdk": _patch,
        "mistralai.gcp.client.errors.mistralgcperror": _patch_errors,
    },
    find_endpoint=find_endpoint,
    uses_http_seam=True,
)
