"""boto3: Bedrock's models (``bedrock-runtime``) and agents (``bedrock-agent-runtime``).

SDK: botocore 1.35 and later, whatever boto3 or other wrapper is above it; not aiobotocore. Wrapped:
``BaseClient._make_api_call`` (one logical call with its retries) and ``URLLib3Session.send`` (one
attempt: the bytes sent and received). Calls to any other service cost two look-ups. What counts as
an inference: Converse, InvokeModel and Rerank; agents, flows and knowledge bases are structure, for
they answer without usage; a submitted asynchronous job is not counted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llmtrace import semconv
from llmtrace.instrument import guard, invocation, patches, urllib3_streams
from llmtrace.instrument.integrations._base import Endpoint, Integration
from llmtrace.instrument.integrations.observe import current_call, observed

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.instrument.call import Call

_CONVERSE: Final = Endpoint(api=semconv.API_BEDROCK_CONVERSE, operation=semconv.OP_CHAT)
_INVOKE: Final = Endpoint(api=semconv.API_BEDROCK_INVOKE, operation=semconv.OP_CHAT)
_AGENT: Final = Endpoint(api=semconv.API_BEDROCK_AGENT, operation=semconv.OP_INVOKE_AGENT)
_WORKFLOW: Final = Endpoint(api=semconv.API_BEDROCK_AGENT, operation=semconv.OP_INVOKE_WORKFLOW)

_ENDPOINTS: Final = {
    "Converse": _CONVERSE,
    "ConverseStream": _CONVERSE,
    "InvokeModel": _INVOKE,
    "InvokeModelWithResponseStream": _INVOKE,
    "CountTokens": Endpoint(api=semconv.API_BEDROCK_CONVERSE, operation=semconv.OP_COUNT_TOKENS),
    "StartAsyncInvoke": Endpoint(api=semconv.API_BEDROCK_INVOKE, operation=semconv.OP_BATCH),
    "InvokeAgent": _AGENT,
    "InvokeInlineAgent": _AGENT,
    "InvokeFlow": _WORKFLOW,
    "RetrieveAndGenerate": _WORKFLOW,
    "RetrieveAndGenerateStream": _WORKFLOW,
    "Retrieve": Endpoint(api=semconv.API_BEDROCK_AGENT, operation=semconv.OP_RETRIEVAL),
    "Rerank": Endpoint(api=semconv.API_BEDROCK_AGENT, operation=semconv.OP_RERANK),
}
"""By operation of the two services."""
_GENERATING: Final = (
    "retrieveAndGenerateConfiguration",
    "knowledgeBaseConfiguration",
    "modelArn",
)
_MODEL_PATHS: Final = {
    "InvokeInlineAgent": ("foundationModel",),
    "Rerank": (
        "rerankingConfiguration",
        "bedrockRerankingConfiguration",
        "modelConfiguration",
        "modelArn",
    ),
    "RetrieveAndGenerate": _GENERATING,
    "RetrieveAndGenerateStream": _GENERATING,
}
"""Where the parameters of an operation name its model, if they do."""
_SERVICES: Final = frozenset({"bedrock-runtime", "bedrock-agent-runtime"})
_MODEL_WORDS: Final = (
    ("rerank", semconv.OP_RERANK),
    ("embed", semconv.OP_EMBEDDINGS),
    ("stability.", semconv.OP_IMAGE_GENERATION),
    ("-image", semconv.OP_IMAGE_GENERATION),
    ("canvas", semconv.OP_IMAGE_GENERATION),
)
"""InvokeModel serves every kind of model; its id says which, unless it is an ARN without words."""
_OUR_PATH: Final = re.compile(
    r"/(model|async-invoke|agents|flows|knowledgebases|retrieveAndGenerate(Stream)?|rerank)(/|$)"
)
"""Of the requests inside a call, these are it; others fetch the credentials it is signed with."""
_HTTP_REFUSED: Final = 300
"""From here on botocore reads the body before it raises or tries again."""


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the kind of call that an operation (``url``) is; ``method`` says nothing here."""
    del method
    return _ENDPOINTS.get(url)


def _patch_client(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseClient", "_make_api_call", _see_api_call)
    return undo


def _patch_session(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "URLLib3Session", "send", _see_send)
    return undo


def _see_api_call(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Observe the operations listed above; hand on those of the other four hundred services."""
    if args and args[0] in _ENDPOINTS:
        return _observed(wrapped, client, args, kwargs)
    return wrapped(*args, **kwargs)


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    if client.meta.service_model.service_name not in _SERVICES:
        return None
    operation: str = args[0]
    given = args[1] if len(args) > 1 else kwargs.get("api_params")
    endpoint = _ENDPOINTS[operation]
    model = given.get("modelId") if type(given) is dict else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # typing.cast is a call
    if isinstance(model, str):
        if endpoint is _INVOKE:
            endpoint = _endpoint_of_model(model)
        return invocation.begin(INTEGRATION, endpoint, model, None)
    if endpoint.api != semconv.API_BEDROCK_AGENT or type(given) is not dict:  # pyright: ignore[reportUnknownArgumentType]  # as above
        return invocation.begin(INTEGRATION, endpoint, None, None)
    return _begin_agent(endpoint, operation, given)  # pyright: ignore[reportUnknownArgumentType]  # as above


_observed = observed(_begin)


@lru_cache(maxsize=256)
def _endpoint_of_model(model: str) -> Endpoint:
    for word, operation in _MODEL_WORDS:
        if word in model:
            return Endpoint(api=semconv.API_BEDROCK_INVOKE, operation=operation)
    return _INVOKE


def _begin_agent(endpoint: Endpoint, operation: str, given: dict[str, Any]) -> Call | None:
    """Start a call of an agent, flow or knowledge base, with what only its path says."""
    call = invocation.begin(INTEGRATION, endpoint, _model_of_agent(operation, given), None)
    if call is not None:
        for name, key in (
            (semconv.AGENT_ID, "agentId"),
            (semconv.AGENT_NAME, "agentName"),
            (semconv.CONVERSATION_ID, "sessionId"),
            (semconv.WORKFLOW_NAME, "flowIdentifier"),
            (semconv.DATA_SOURCE_ID, "knowledgeBaseId"),
        ):
            value = given.get(key)
            if isinstance(value, str) and value:
                call.span.set_attribute(name, value)
    return call


def _model_of_agent(operation: str, given: dict[str, Any]) -> str | None:
    path = _MODEL_PATHS.get(operation, ())
    value: Any = given if path else None
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # the app's own parameters
    return value if isinstance(value, str) else None


def _see_send(wrapped: Any, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Note one attempt of the current call: the bytes that go out, and those that come back."""
    del session
    call = current_call.get()
    if call is None or call.integration is not INTEGRATION:
        return wrapped(*args, **kwargs)
    request = args[0] if args else kwargs["request"]
    place = _place(request.url)
    if place is None:
        return wrapped(*args, **kwargs)
    call.begin_attempt()
    call.host, call.port = place
    body = request.body
    call.request_body = body if type(body) is bytes else None
    response = wrapped(*args, **kwargs)
    try:
        _see_response(call, response, is_streamed=request.stream_output)
    except Exception:  # noqa: BLE001  # botocore gets its response untouched
        guard.fault("response")
    return response


@lru_cache(maxsize=512)
def _place(url: str) -> tuple[str | None, int | None] | None:
    """Return host and port of a Bedrock URL; None for whatever else is asked during a call."""
    parts = urlsplit(url)
    return (parts.hostname, parts.port) if _OUR_PATH.search(parts.path) else None


def _see_response(call: Call, response: Any, *, is_streamed: bool) -> None:
    call.status = response.status_code
    raw = response.raw
    call.headers = _headers(response, raw)
    if not is_streamed:
        call.response_body = response.content  # botocore has read it already
        call.has_body = True
        return
    urllib3_streams.watch(raw, call, ends_call=response.status_code < _HTTP_REFUSED)


def _headers(response: Any, raw: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers as bytes. urllib3's own dict is asked: ten calls a header fewer."""
    try:
        lines: Any = raw.headers._container.values()  # noqa: SLF001  # see above; the rest is for others
    except AttributeError:
        lines = response.headers.items()
    return [(line[0].encode("latin-1"), line[1].encode("latin-1")) for line in lines]


INTEGRATION: Final = Integration(
    name="boto3",
    distribution="boto3",
    tested="boto3 >= 1.35, < 2",
    default_provider="aws.bedrock",
    hooks={"botocore.client": _patch_client, "botocore.httpsession": _patch_session},
    find_endpoint=find_endpoint,
)
