"""Send a planned request again, through the real SDK.

Keys and addresses come from the SDK's own environment variables or from the caller, never from
the store: what a span says about where it went is not to be trusted with a key. The answer is read
as bytes, so that it is judged by the same functions that read it when it was first recorded.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv, wire
from llmtrace.config import environment_value
from llmtrace.errors import ReplayError

if TYPE_CHECKING:
    from llmtrace.clock import Clock
    from llmtrace.replay.plan import ReplayPlan
    from llmtrace.replay.stored import JsonObject
    from llmtrace.wire import ResponseFields

TIMEOUT_S: Final = 120.0
_MAX_ERROR_CHARS: Final = 500
_SDKS_OWN: Final = frozenset({"extra_headers", "extra_query", "extra_body", "timeout"})
"""Arguments of the SDKs' methods that steer them; in a body of the store they are only a body."""
_KEY_LIKE: Final = re.compile(r"\b(?:sk|rk|pk|xai|gsk)[-_][A-Za-z0-9_*-]{6,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sdk:
    module: str
    client: str
    resource: str
    """Path of attributes from the client to the method's owner."""
    key_variable: str
    address_variable: str
    provider: str


_OPENAI: Final = {
    "module": "openai",
    "client": "OpenAI",
    "key_variable": "OPENAI_API_KEY",
    "address_variable": "OPENAI_BASE_URL",
    "provider": "openai",
}
_SDKS: Final = {
    semconv.API_OPENAI_CHAT: _Sdk(resource="chat.completions", **_OPENAI),
    semconv.API_OPENAI_RESPONSES: _Sdk(resource="responses", **_OPENAI),
    semconv.API_OPENAI_EMBEDDINGS: _Sdk(resource="embeddings", **_OPENAI),
    semconv.API_ANTHROPIC_MESSAGES: _Sdk(
        resource="messages",
        module="anthropic",
        client="Anthropic",
        key_variable="ANTHROPIC_API_KEY",
        address_variable="ANTHROPIC_BASE_URL",
        provider="anthropic",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came back."""

    body: JsonObject
    """Plain, or a stream merged into its plain form."""
    fields: ResponseFields
    latency_ms: float
    """From the call to the last byte."""
    ttfc_ms: float | None
    """From the call to the first piece of a stream; None if it was not streamed."""


def check_destination(plan: ReplayPlan, base_url: str | None) -> None:
    """Raise ReplayError if the SDK would by itself send the request to another provider."""
    sdk = _SDKS[plan.api]
    if base_url or environment_value(sdk.address_variable):
        return
    if plan.provider and plan.provider != sdk.provider:
        raise ReplayError(
            f"the call went to {plan.provider} ({plan.server_address or 'address unknown'}); "
            f"nothing is sent to an address out of the store: name it yourself with --base-url, "
            f"and its key in {sdk.key_variable}"
        )


def cannot_send(api: str) -> str | None:
    """Say why this process cannot send a call of ``api``: no SDK or no key; None if it can."""
    sdk = _SDKS.get(api)
    if sdk is None:
        return f"calls of the API {api or '(unknown)'!r} cannot be sent again"
    if importlib.util.find_spec(sdk.module) is None:
        return f"the {sdk.module} package is not installed here"
    if not environment_value(sdk.key_variable):
        return f"{sdk.key_variable} is not set in the environment of this process"
    return None


def send_again(
    plan: ReplayPlan,
    *,
    clock: Clock,
    base_url: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Outcome:
    """Send the request and return the answer, read whole.

    Raises ReplayError if the SDK is missing, has no key, or the provider refuses.
    """
    check_destination(plan, base_url)
    sdk = _SDKS[plan.api]
    module = _imported(sdk)
    try:
        client = getattr(module, sdk.client)(base_url=base_url, timeout=timeout_s)
    except Exception as error:
        # SDKs raise errors of different kinds for a missing key
        raise ReplayError(
            f"the {sdk.module} SDK cannot be set up: {_safe(error)}; set {sdk.key_variable}"
        ) from error
    owner: Any = client
    for name in sdk.resource.split("."):
        owner = getattr(owner, name)
    try:
        with client:
            return _exchange(plan, owner, clock)
    except _sdk_errors(module) as error:
        status = getattr(error, "status_code", None)
        told = f"{type(error).__name__}{f' {status}' if status else ''}: {_safe(error)}"
        raise ReplayError(f"the replay of {plan.span_id} failed: {told}") from error


def _exchange(plan: ReplayPlan, owner: Any, clock: Clock) -> Outcome:
    arguments = _arguments(owner.create, plan.body)
    started = clock.monotonic_ns()
    first: int | None = None
    pieces: list[bytes] = []
    with owner.with_streaming_response.create(**arguments) as response:
        for piece in response.iter_bytes():
            if first is None:
                first = clock.monotonic_ns()
            pieces.append(piece)
    ended = clock.monotonic_ns()
    body, fields = _read(plan, b"".join(pieces))
    return Outcome(
        body=body,
        fields=fields,
        latency_ms=(ended - started) / 1e6,
        ttfc_ms=None if first is None or not plan.is_stream else (first - started) / 1e6,
    )


def _read(plan: ReplayPlan, data: bytes) -> tuple[JsonObject, ResponseFields]:
    if plan.is_stream:
        merged = wire.merge_stream(plan.api, data)
        return merged.body, merged.fields
    try:
        body = json.loads(wire.strip_vectors_json(plan.api, data))
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"the replay of {plan.span_id} was answered with no JSON") from error
    fields = wire.response_fields(plan.api, body)
    if fields.problem:
        raise ReplayError(f"the replay of {plan.span_id} was answered oddly: {fields.problem}")
    return body, fields


def _arguments(create: Any, body: dict[str, Any]) -> dict[str, Any]:
    """Split a body into the method's own arguments and what its signature lacks."""
    known = inspect.signature(create).parameters.keys() - _SDKS_OWN
    arguments = {name: value for name, value in body.items() if name in known}
    rest = {name: value for name, value in body.items() if name not in known}
    # a streamed chat's encoding_format and the like would be added by the SDK otherwise
    if rest:
        arguments["extra_body"] = rest
    return arguments


def _imported(sdk: _Sdk) -> Any:
    try:
        return importlib.import_module(sdk.module)
    except ImportError as error:
        raise ReplayError(
            f"sending this call again needs the {sdk.module} package; "
            f"type: pip install {sdk.module}"
        ) from error


def _sdk_errors(module: Any) -> tuple[type[Exception], ...]:
    """Return what an SDK raises; TypeError is its word for arguments it does not accept."""
    return module.APIError, TypeError, ValueError


def _safe(error: Exception) -> str:
    """Return the error's text, short and without anything that looks like a key."""
    return _KEY_LIKE.sub("***", str(error))[:_MAX_ERROR_CHARS]
