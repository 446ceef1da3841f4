"""The anthropic SDK: messages, plain and streamed, ``stream()`` and ``parse()`` helpers, beta.

SDK: anthropic 1 and 2 (0 works). Wrapped: see ``stainless``. From 1.x on the SDK emits an
OpenTelemetry span of its own for each call; inside a call that we record it is not started, so that
tokens and cost are counted once. Counting tokens and handling batches are recorded, but are no
inferences. Wire format: docs.anthropic.com/en/api/messages.

A middleware of the client (2.x; the SDK's own falls back to another model after a refusal) may send
several requests in one call, some of them while a stream is being read. Each that is answered is
billed, so that each after the first is a call of its own (``_hop``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches
from llmtrace.instrument.integrations import stainless
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.observe import current_call, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call

_CLOUDS: Final = {
    "AnthropicBedrock": "aws.bedrock",
    "AnthropicBedrockMantle": "aws.bedrock",
    "AnthropicFoundry": "azure.ai.inference",
    "AnthropicVertex": "gcp.vertex_ai",
    # Anthropic's own API behind a cloud's door: the models and their prices are Anthropic's.
    "AnthropicAWS": "anthropic",
    "AnthropicGoogleCloud": "anthropic",
}
"""A client that stands for a cloud → who answers. Each asks for ``/v1/messages`` where we look:
the SDK rewrites path and body, and frames streams, below."""
_MESSAGES: Final = Endpoint(api=semconv.API_ANTHROPIC_MESSAGES, operation=semconv.OP_CHAT)
_COUNT: Final = Endpoint(api=semconv.API_ANTHROPIC_COUNT_TOKENS, operation=semconv.OP_COUNT_TOKENS)
_BATCH: Final = Endpoint(api=semconv.API_ANTHROPIC_BATCH, operation=semconv.OP_BATCH)
_RESULTS: Final = Endpoint(
    api=semconv.API_ANTHROPIC_BATCH,
    operation=semconv.OP_BATCH,
    max_stream_bytes=60_000_000,  # what the queue has room for
    has_results=True,
)
_BY_PATTERN: Final = (
    ("post", re.compile(r"/v1/messages"), _MESSAGES),
    ("post", re.compile(r"/v1/messages/count_tokens"), _COUNT),
    ("post", re.compile(r"/v1/messages/batches(?:/[^/]+/cancel)?"), _BATCH),
    ("get", re.compile(r"/v1/messages/batches(?:/[^/]+)?"), _BATCH),
    ("get", re.compile(r"/v1/messages/batches/[^/]+/results"), _RESULTS),
)
_HOST: Final = re.compile(r"https?://[^/]*")


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the SDK's ``url`` is; None: not ours.

    The path may have a host before it (the address of a batch's results is told by the provider)
    and a query behind it (``?beta=true``).
    """
    return _MESSAGES if method == "post" and url == "/v1/messages" else _find(method, url)


@lru_cache(maxsize=512)
def _find(method: str, url: str) -> Endpoint | None:
    path = _HOST.sub("", url.partition("?")[0], count=1).rstrip("/")
    for wanted, pattern, endpoint in _BY_PATTERN:
        if wanted == method and pattern.fullmatch(path):
            return endpoint
    return None


def _patch(module: object) -> Callable[[], None]:
    undo_client = stainless.patch_base_client(INTEGRATION, module)
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "start_api_call_span", _no_second_span, optional=True)
    undo.wrap(module, "SyncAPIClient", "_attempt_request", _see_attempt, optional=True)
    undo.wrap(module, "AsyncAPIClient", "_attempt_request", _see_attempt_async, optional=True)

    def undo_all() -> None:
        undo()
        undo_client()

    return undo_all


def _no_second_span(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Let the SDK go without its own span while ours stands for the call (it takes None for it)."""
    del owner
    if current_call.get() is not None:
        return None
    return wrapped(*args, **kwargs)


def _see_attempt(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Begin a call for a request that a middleware sends after another one was answered."""
    try:
        has_layers = client._middleware  # noqa: SLF001  # the public property is a call more
    except AttributeError:
        has_layers = None
    hop = _hop(client, args, kwargs) if has_layers else None
    if hop is None:
        return wrapped(*args, **kwargs)
    try:
        answered = wrapped(*args, **kwargs)
    except BaseException as error:
        failed(hop, error)
        raise
    stainless.expect_answer(hop)  # it hands the answer on at once
    return answered


async def _see_attempt_async(
    wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Do the same for the async client."""
    try:
        has_layers = client._middleware  # noqa: SLF001  # as above
    except AttributeError:
        has_layers = None
    hop = _hop(client, args, kwargs) if has_layers else None
    if hop is None:
        return await wrapped(*args, **kwargs)
    try:
        answered = await wrapped(*args, **kwargs)
    except BaseException as error:
        failed(hop, error)
        raise
    stainless.expect_answer(hop)
    return answered


def _hop(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Return a new call if this request is a further one of a call; None for all others."""
    try:
        options: Any = args[0] if args else kwargs["options"]
        call = current_call.get()
        if call is not None and not call.end_mono_ns and call.status is None:
            return None  # the first request, or one after others failed: the call itself
        if find_endpoint(options.method, options.url) is not _MESSAGES:
            return None
        body: Any = options.json_data
        model = body.get("model") if type(body) is dict else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # any JSON
        provider = INTEGRATION.client_providers.get(type(client).__name__)
        return invocation.begin(
            INTEGRATION, _MESSAGES, model if isinstance(model, str) else None, provider
        )
    except Exception:  # noqa: BLE001  # the request goes on, unobserved
        guard.fault("hop")
        return None


INTEGRATION: Final = Integration(
    name="anthropic",
    distribution="anthropic",
    tested="anthropic >= 1, < 3",
    default_provider="anthropic",
    hooks={"anthropic._base_client": _patch},
    find_endpoint=find_endpoint,
    client_providers={
        name: provider
        for client, provider in _CLOUDS.items()
        for name in (client, f"Async{client}")
    },
)
