"""LiteLLM: what it sends itself, and what it answers from its own cache.

SDK: litellm 1. For many providers LiteLLM calls their SDK, which is watched as ever; for the others
it speaks HTTP itself, by the ``post`` of its two handlers, and that is what is wrapped: the bodies
are the providers' own formats, told by the path. Around both stands ``completion`` (and its async
twin): where neither saw a request, as for an answer from LiteLLM's cache or a provider that we do
not know (plain: of a stream it tells nothing), one span is made of what LiteLLM tells. Its retries
are calls, and so are its fallbacks: each is billed. Source: docs.litellm.ai.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from opentelemetry import context

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches
from llmtrace.instrument.integrations import http_seam
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.framework_calls import Told, open_model_call
from llmtrace.instrument.integrations.observe import observed, observed_async
from llmtrace.instrument.providers import provider_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.context import Context

    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations.framework_calls import ModelCall

_GEMINI: Final = (semconv.API_GEMINI_GENERATE, semconv.OP_GENERATE_CONTENT, "gcp.gemini")
_ROUTES: Final = tuple(
    (
        re.compile(path),
        Endpoint(api=api, operation=operation, is_streamed=is_streamed),
        provider,
    )
    for path, (api, operation, provider), is_streamed in (
        (
            r".*/messages",
            (semconv.API_ANTHROPIC_MESSAGES, semconv.OP_CHAT, "anthropic"),
            False,
        ),
        (r".*:generateContent", _GEMINI, False),
        (r".*:streamGenerateContent", _GEMINI, True),
        (
            r".*:(?:embedContent|batchEmbedContents)",
            (semconv.API_GEMINI_EMBED, semconv.OP_EMBEDDINGS, "gcp.gemini"),
            False,
        ),
        (
            r"/model/[^/]+/converse",
            (semconv.API_BEDROCK_CONVERSE, semconv.OP_CHAT, "aws.bedrock"),
            False,
        ),
        (
            r"/model/[^/]+/converse-stream",
            (semconv.API_BEDROCK_CONVERSE, semconv.OP_CHAT, "aws.bedrock"),
            True,
        ),
        (
            r"/model/[^/]+/invoke",
            (semconv.API_BEDROCK_INVOKE, semconv.OP_CHAT, "aws.bedrock"),
            False,
        ),
        (
            r"/model/[^/]+/invoke-with-response-stream",
            (semconv.API_BEDROCK_INVOKE, semconv.OP_CHAT, "aws.bedrock"),
            True,
        ),
        (r"/v2/chat", (semconv.API_COHERE_CHAT, semconv.OP_CHAT, "cohere"), False),
        (r"/v1/chat", (semconv.API_COHERE_CHAT_V1, semconv.OP_CHAT, "cohere"), False),
        (r"/v[12]/embed", (semconv.API_COHERE_EMBED, semconv.OP_EMBEDDINGS, "cohere"), False),
        (r".*/rerank", (semconv.API_COHERE_RERANK, semconv.OP_RERANK, "cohere"), False),
        (r"/api/chat", (semconv.API_OLLAMA_CHAT, semconv.OP_CHAT, "ollama"), False),
        (
            r"/api/generate",
            (semconv.API_OLLAMA_GENERATE, semconv.OP_TEXT_COMPLETION, "ollama"),
            False,
        ),
        (r"/api/embed", (semconv.API_OLLAMA_EMBED, semconv.OP_EMBEDDINGS, "ollama"), False),
        (r".*/chat/completions", (semconv.API_OPENAI_CHAT, semconv.OP_CHAT, "openai"), False),
        (r".*/responses", (semconv.API_OPENAI_RESPONSES, semconv.OP_CHAT, "openai"), False),
        (
            r".*/embeddings",
            (semconv.API_OPENAI_EMBEDDINGS, semconv.OP_EMBEDDINGS, "openai"),
            False,
        ),
    )
)
"""Path → endpoint, and who speaks that format where the host says nothing."""
_MODEL: Final = re.compile(r"/models?/([^/:]+)[:/]")
_CACHE: Final = "litellm"

_sent: ContextVar[list[Call] | None] = ContextVar("llmtrace_litellm_sent", default=None)
"""The requests that LiteLLM itself makes inside one ``completion``."""
_streams: WeakKeyDictionary[object, Call] = WeakKeyDictionary()
"""Streams that the app reads, and their calls: LiteLLM leaves what follows the last event unread,
and the connection open."""


def _route(path: str) -> tuple[Endpoint, str] | None:
    for pattern, endpoint, provider in _ROUTES:
        if pattern.fullmatch(path):
            return endpoint, provider
    return None


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on a path is; None: not ours."""
    found = _route(path) if method == "post" else None
    return None if found is None else found[0]


def _begin(handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    del handler
    url = urlsplit(str(kwargs["url"] if "url" in kwargs else args[0]))
    found = _route(url.path)
    if found is None:
        return None
    endpoint, speaker = found
    model = _MODEL.search(url.path)
    provider = None if provider_of(url.hostname) else speaker
    call = invocation.begin(INTEGRATION, endpoint, model[1] if model else None, provider)
    sent = _sent.get()
    if sent is not None and call is not None:
        sent.append(call)
    return call


def _open(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
    """Start LiteLLM's own account of a call; asked for only if nobody below counts it."""
    try:
        model = kwargs.get("model", args[0] if args else None)
        if kwargs.get("mock_response") or not isinstance(model, str):
            return None
        provider, _, name = model.rpartition("/")
        call = open_model_call(INTEGRATION, name, provider or None, context.get_current())
    except Exception:  # noqa: BLE001  # the call goes on, unobserved
        guard.fault("begin")
        return None
    if call is not None:
        call.was_entered = True
    return call


def _close(call: ModelCall, answer: Any, error: BaseException | None = None) -> None:
    try:
        hidden: Any = getattr(answer, "_hidden_params", None) or {}
        if hasattr(answer, "__anext__") and hidden.get("cache_hit") is not True:
            return  # a stream, whose request may be made by its first step
        call.end(lambda: _told(answer), error)
    except Exception:  # noqa: BLE001  # the app gets its answer
        guard.fault("framework")


def _told(answer: Any) -> Told:
    """Read LiteLLM's ``ModelResponse``; of a stream from its cache only where it came from."""
    hidden: Any = getattr(answer, "_hidden_params", None) or {}
    cache = _CACHE if hidden.get("cache_hit") is True else None
    dump = getattr(answer, "model_dump", None)
    fields = cast("dict[str, Any]", dump()) if callable(dump) else {}
    choices: Any = fields.get("choices") or [{}]
    choice = choices[0]
    return Told(
        model=fields.get("model"),
        response_id=fields.get("id"),
        finish_reason=choice.get("finish_reason"),
        usage=fields.get("usage"),
        answer=choice.get("message"),
        cache=cache,
    )


def _completion(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    call = _open(args, kwargs)
    if call is None:
        return wrapped(*args, **kwargs)
    token, sending = context.attach(call.context), _sent.set([])
    try:
        answer = _watched(wrapped(*args, **kwargs))
    except BaseException as error:
        _close(call, None, error)
        raise
    finally:
        _forget(sending, token)
    _close(call, answer)
    return answer


async def _acompletion(
    wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    del owner
    call = _open(args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    token, sending = context.attach(call.context), _sent.set([])
    try:
        answer = _watched(await wrapped(*args, **kwargs))
    except BaseException as error:
        _close(call, None, error)
        raise
    finally:
        _forget(sending, token)
    _close(call, answer)
    return answer


def _watched(answer: Any) -> Any:
    """Remember whose stream an answer is, if it is one; return it."""
    sent = _sent.get()
    if sent and sent[-1].streaming:
        try:
            _streams[answer] = sent[-1]
        except TypeError:  # not to be referred to weakly
            guard.fault("stream")
    return answer


def _forget(sending: Token[list[Call] | None], token: Token[Context]) -> None:
    try:
        _sent.reset(sending)
    except ValueError:  # closed in another context: what was set ended with that one
        return
    context.detach(token)


def _next(wrapped: Any, stream: Any, args: Any, kwargs: Any) -> Any:
    try:
        return wrapped(*args, **kwargs)
    except StopIteration:
        _end(stream)
        raise


async def _anext(wrapped: Any, stream: Any, args: Any, kwargs: Any) -> Any:
    try:
        return await wrapped(*args, **kwargs)
    except StopAsyncIteration:
        _end(stream)
        raise


def _end(stream: Any) -> None:
    call = _streams.pop(stream, None)
    if call is not None:
        try:
            call.end()
        except Exception:  # noqa: BLE001  # the app's stream ends as it would
            guard.fault("stream.end")


def _patch_streams(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "CustomStreamWrapper", "__next__", _next, optional=True)
    undo.wrap(module, "CustomStreamWrapper", "__anext__", _anext, optional=True)
    return undo


def _patch_handlers(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "HTTPHandler", "post", observed(_begin))
    undo.wrap(module, "AsyncHTTPHandler", "post", observed_async(_begin))
    http_seam.patch(undo, "httpx")
    return undo


def _patch_package(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "completion", _completion, optional=True)
    undo.wrap(module, None, "acompletion", _acompletion, optional=True)
    return undo


INTEGRATION: Final = Integration(
    name="litellm",
    distribution="litellm",
    tested="litellm >= 1.80, < 2",
    default_provider="litellm",
    hooks={
        "litellm.llms.custom_httpx.http_handler": _patch_handlers,
        "litellm.litellm_core_utils.streaming_handler": _patch_streams,
        "litellm": _patch_package,
    },
    find_endpoint=find_endpoint,
    uses_http_seam=True,
)
