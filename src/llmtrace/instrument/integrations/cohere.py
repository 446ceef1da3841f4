"""The cohere SDK: chat, embed, rerank, parse, transcriptions; v1's chat, generate and the rest.

SDK: cohere 6 and 7. Wrapped: the methods of the raw clients, which every public method calls
(``Client``, ``ClientV2``, their async twins, ``with_raw_response``) and which raise the exceptions
that the app sees; retries happen below them, and what goes over the wire is seen at httpx.
``Client.embed`` cuts long lists into several requests: each is billed, and each is a span. Their
threads get the context of the call, so that they know whose spans they are.

``BedrockClient`` and ``SagemakerClient`` rewrite requests and answers inside their HTTP client, so
that they come by here too: with Cohere's own bodies, Amazon's host, and the tokens that Bedrock
says in its headers (not in those of a stream). ``OciClient`` does the same with Oracle's host.

Not recorded: tokenize and detokenize, embed jobs, batches, datasets, fine-tuning, models.
Formats: docs.cohere.com/reference.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, cast

import wrapt

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches
from llmtrace.instrument.integrations import http_seam
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.first_step import observed_async_manager, observed_manager
from llmtrace.instrument.integrations.observe import observed, observed_async

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations.observe import Begin

_CHAT_V2: Final = Endpoint(api=semconv.API_COHERE_CHAT, operation=semconv.OP_CHAT)
_CHAT_V1: Final = Endpoint(api=semconv.API_COHERE_CHAT_V1, operation=semconv.OP_CHAT)
_GENERATE: Final = Endpoint(api=semconv.API_COHERE_CHAT_V1, operation=semconv.OP_TEXT_COMPLETION)
_CLASSIFY: Final = Endpoint(api=semconv.API_COHERE_CHAT_V1, operation=semconv.OP_CLASSIFICATION)
_EMBED: Final = Endpoint(api=semconv.API_COHERE_EMBED, operation=semconv.OP_EMBEDDINGS)
_RERANK: Final = Endpoint(api=semconv.API_COHERE_RERANK, operation=semconv.OP_RERANK)
_PARSE: Final = Endpoint(api=semconv.API_COHERE_PARSE, operation=semconv.OP_OCR)
_TRANSCRIBE: Final = Endpoint(
    api=semconv.API_OPENAI_TRANSCRIPTION, operation=semconv.OP_TRANSCRIPTION
)
_BY_PATH: Final = {
    "v1/chat": _CHAT_V1,
    "v1/generate": _GENERATE,
    "v1/summarize": _GENERATE,
    "v1/classify": _CLASSIFY,
    "v1/embed": _EMBED,
    "v1/rerank": _RERANK,
    "v2/chat": _CHAT_V2,
    "v2/embed": _EMBED,
    "v2/rerank": _RERANK,
    "v2/parse": _PARSE,
    "audio/transcriptions": _TRANSCRIBE,
}
"""By the last two parts of the path."""
_V1: Final = {
    "chat": _CHAT_V1,
    "chat_stream": _CHAT_V1,
    "generate": _GENERATE,
    "generate_stream": _GENERATE,
    "summarize": _GENERATE,
    "classify": _CLASSIFY,
    "embed": _EMBED,
    "rerank": _RERANK,
}
_V2: Final = {
    "chat": _CHAT_V2,
    "chat_stream": _CHAT_V2,
    "embed": _EMBED,
    "rerank": _RERANK,
    "parse": _PARSE,
}


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on a URL's path is; None: not ours."""
    if method != "post":
        return None
    return _BY_PATH.get("/".join(path.rsplit("/", 2)[-2:]))


def _begin(endpoint: Endpoint) -> Begin:
    def begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        del client, args  # the methods take keywords only
        model = kwargs.get("model")
        return invocation.begin(
            INTEGRATION, endpoint, model if isinstance(model, str) else None, None
        )

    return begin


def _patch_raw(
    sync_name: str, async_name: str, endpoints: Mapping[str, Endpoint]
) -> Callable[[object], Callable[[], None]]:
    """Return a hook that wraps the methods of two raw clients; streams are context managers."""

    def hook(module: object) -> Callable[[], None]:
        undo = patches.Undo(INTEGRATION.name)
        for name, endpoint in endpoints.items():
            begin = _begin(endpoint)
            is_new = name == "parse"  # since 7
            if name.endswith("_stream"):
                plain, waiting = observed_manager(begin), observed_async_manager(begin)
            else:
                plain, waiting = observed(begin), observed_async(begin)
            undo.wrap(module, sync_name, name, plain, optional=is_new)
            undo.wrap(module, async_name, name, waiting, optional=is_new)
        http_seam.patch(undo, "httpx")
        return undo

    return hook


def _patch_batching(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "Client", "embed", _embed_in_context)
    return undo


def _embed_in_context(
    wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Let the threads in which a long list is embedded know in what context that is."""
    try:
        if type(client._executor) is not _InContext:  # noqa: SLF001  # the SDK has no public name for it
            client._executor = _InContext(client._executor)  # noqa: SLF001  # as above
    except Exception:  # noqa: BLE001  # the spans of those threads are then roots
        guard.fault("embed")
    return wrapped(*args, **kwargs)


class _InContext(wrapt.ObjectProxy):  # pyright: ignore[reportMissingTypeArgument]  # any executor
    """The client's pool of threads, which runs what it is given in the context of who gives it."""

    def map(self, function: Callable[..., Any], *iterables: Any, **options: Any) -> Any:
        """Do as ``Executor.map`` does."""
        context = copy_context()

        def in_context(*args: Any) -> Any:
            return context.copy().run(function, *args)  # a context runs in one thread at a time

        pool = cast("Any", self).__wrapped__
        return pool.map(in_context, *iterables, **options)


INTEGRATION: Final = Integration(
    name="cohere",
    distribution="cohere",
    tested="cohere >= 6, < 8",
    default_provider="cohere",
    hooks={
        "cohere.raw_base_client": _patch_raw("RawBaseCohere", "AsyncRawBaseCohere", _V1),
        "cohere.v2.raw_client": _patch_raw("RawV2Client", "AsyncRawV2Client", _V2),
        "cohere.audio.transcriptions.raw_client": _patch_raw(
            "RawTranscriptionsClient", "AsyncRawTranscriptionsClient", {"create": _TRANSCRIBE}
        ),
        "cohere.client": _patch_batching,
    },
    find_endpoint=find_endpoint,
    uses_http_seam=True,
)
