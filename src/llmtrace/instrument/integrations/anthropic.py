"""The anthropic SDK: messages, plain and streamed, ``stream()`` and ``parse()`` helpers, beta.

SDK: anthropic 1 and 2 (0 works). Wrapped: see ``stainless``. From 1.x on the SDK emits an
OpenTelemetry span of its own for each call; inside a call that we record it is not started, so that
tokens and cost are counted once. Wire format: docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import patches
from llmtrace.instrument.integrations import stainless
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.observe import current_call

if TYPE_CHECKING:
    from collections.abc import Callable

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


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that ``method`` on the SDK's relative ``url`` is; None: not ours."""
    if method == "post" and (url == "/v1/messages" or url.startswith("/v1/messages?")):
        return _MESSAGES
    return None


def _patch(module: object) -> Callable[[], None]:
    undo_client = stainless.patch_base_client(INTEGRATION, module)
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "start_api_call_span", _no_second_span, optional=True)

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
