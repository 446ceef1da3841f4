"""xAI's chat service by gRPC, with the SDK's own protobuf classes, in front of the local provider.

Each call becomes a request to the provider's chat completions, and its answer, refusal, delay or
broken connection becomes what gRPC makes of such a thing: so scripted replies work for xAI, too.
One server serves the whole process; a client says in its metadata which provider is meant.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import grpc
from xai_sdk.chat import chat_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "xai_api.Chat"
PROVIDER = "local-provider-url"
"""Name of the metadata that says which provider answers."""
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
_FINISHED = {
    "stop": "REASON_STOP",
    "length": "REASON_MAX_LEN",
    "tool_calls": "REASON_TOOL_CALLS",
    None: "REASON_INVALID",
}
_Usage: Any = chat_pb2.GetChatCompletionResponse().usage.__class__


@functools.cache
def address() -> str:
    """Return where the service listens; the first call starts it, the end of the process stops it.

    A provider that stops ends what its calls wait for, so that none is left in the end.
    """
    server = grpc.server(ThreadPoolExecutor(32))
    unary = grpc.unary_unary_rpc_method_handler(
        _complete,
        request_deserializer=chat_pb2.GetCompletionsRequest.FromString,
        response_serializer=chat_pb2.GetChatCompletionResponse.SerializeToString,
    )
    stream = grpc.unary_stream_rpc_method_handler(
        _chunks,
        request_deserializer=chat_pb2.GetCompletionsRequest.FromString,
        response_serializer=chat_pb2.GetChatCompletionChunk.SerializeToString,
    )
    handlers = {"GetCompletion": unary, "GetCompletionChunk": stream}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    atexit.register(lambda: server.stop(None).wait(5))
    return f"127.0.0.1:{port}"


def _complete(request: Any, context: grpc.ServicerContext) -> Any:
    with _asked(request, context, stream=False) as response:
        try:
            answer = json.loads(response.read())
            outputs = [_output(choice) for choice in answer["choices"]]
        except (OSError, http.client.HTTPException):
            _lose(context)
        except (LookupError, TypeError, ValueError):
            context.abort(grpc.StatusCode.INTERNAL, "what the model said cannot be read")
    return chat_pb2.GetChatCompletionResponse(
        id=answer["id"], model=answer["model"], outputs=outputs, usage=_usage(answer.get("usage"))
    )


def _chunks(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    calls: dict[int, dict[str, Any]] = {}
    with _asked(request, context, stream=True) as response:
        while line := _line(response, context):
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            if not data:
                continue
            chunk = json.loads(data)
            if "error" in chunk:
                context.abort(grpc.StatusCode.UNAVAILABLE, chunk["error"]["message"])
            yield chat_pb2.GetChatCompletionChunk(
                id=chunk["id"],
                model=chunk["model"],
                outputs=[_piece(choice, calls) for choice in chunk["choices"]],
                usage=_usage(chunk.get("usage")),
            )
    _lose(context)


def _line(response: http.client.HTTPResponse, context: grpc.ServicerContext) -> bytes:
    try:
        return response.readline()
    except (OSError, http.client.HTTPException):
        _lose(context)


def _lose(context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")
    raise AssertionError("abort always raises")


@contextlib.contextmanager
def _asked(
    request: Any, context: grpc.ServicerContext, *, stream: bool
) -> Iterator[http.client.HTTPResponse]:
    """Send the request on; give the response, unless it is a refusal."""
    told = dict(context.invocation_metadata())
    url = urlsplit(str(told[PROVIDER]))
    with contextlib.closing(http.client.HTTPConnection(str(url.hostname), url.port)) as connection:
        headers = {"authorization": str(told["authorization"]), "content-type": "application/json"}
        path = f"{url.path}/chat/completions"
        try:
            connection.request("POST", path, json.dumps(_body(request, stream=stream)), headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException):
            _lose(context)
        with response:
            if response.status >= 400:
                code = _CODES.get(response.status, grpc.StatusCode.INTERNAL)
                context.abort(code, json.loads(response.read())["error"]["message"])
            yield response


def _body(request: Any, *, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {
                "role": chat_pb2.MessageRole.Name(message.role).removeprefix("ROLE_").lower(),
                "content": "".join(part.text for part in message.content),
            }
            for message in request.messages
        ],
        "n": request.n or 1,
    }
    if request.max_tokens:
        body["max_tokens"] = request.max_tokens
    if request.tools:
        body["tools"] = [{"type": "function", "function": _function(t)} for t in request.tools]
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _function(tool: Any) -> dict[str, Any]:
    told = tool.function
    return {
        "name": told.name,
        "description": told.description,
        "parameters": json.loads(told.parameters),
    }


def _output(choice: dict[str, Any]) -> Any:
    return chat_pb2.CompletionOutput(
        index=choice["index"],
        finish_reason=_FINISHED[choice["finish_reason"]],
        message=chat_pb2.CompletionMessage(**_said(choice["message"])),
    )


def _piece(choice: dict[str, Any], calls: dict[int, dict[str, Any]]) -> Any:
    """Return a piece of the answer; a call of a tool comes whole, with the last one."""
    delta = dict(choice["delta"])
    for part in delta.pop("tool_calls", ()):
        call = calls.setdefault(part["index"], {"function": {"name": "", "arguments": ""}})
        call["id"] = part.get("id") or call.get("id")
        for name, text in part["function"].items():
            call["function"][name] += text
    if finish_reason := choice.get("finish_reason"):
        delta["tool_calls"] = calls.values()
    return chat_pb2.CompletionOutputChunk(
        index=choice["index"],
        finish_reason=_FINISHED[finish_reason],
        delta=chat_pb2.Delta(**_said(delta)),
    )


def _said(message: dict[str, Any]) -> dict[str, Any]:
    text = message.get("content") or ""
    return {
        "role": chat_pb2.ROLE_ASSISTANT,
        "content": text.encode(errors="replace").decode(),  # protobuf has no half surrogate pairs
        "tool_calls": [_call(call) for call in message.get("tool_calls") or ()],
    }


def _call(call: dict[str, Any]) -> Any:
    told = call["function"]
    return chat_pb2.ToolCall(
        id=call.get("id"),
        function=chat_pb2.FunctionCall(name=told.get("name"), arguments=told.get("arguments")),
    )


def _usage(usage: dict[str, Any] | None) -> Any:
    """Return OpenAI's counts as xAI's, whose completion has no reasoning in it."""
    if not usage:
        return None
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return _Usage(
        prompt_tokens=usage["prompt_tokens"],
        prompt_text_tokens=usage["prompt_tokens"],
        cached_prompt_text_tokens=(usage.get("prompt_tokens_details") or {}).get(
            "cached_tokens", 0
        ),
        completion_tokens=usage["completion_tokens"] - reasoning,
        reasoning_tokens=reasoning,
        total_tokens=usage["prompt_tokens"] + usage["completion_tokens"],
    )
