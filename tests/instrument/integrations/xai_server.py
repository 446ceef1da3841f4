"""xAI's chat service on a loopback port, with the SDK's own protobuf classes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc
from xai_sdk.chat import chat_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "xai_api.Chat"
WORDS = ["It ", "is ", "on ", "its ", "way."]


class XaiServer:
    """Answers every chat the same; ``refuse`` and ``cut_after`` make it misbehave."""

    def __init__(self) -> None:
        self.refuse: grpc.StatusCode | None = None
        self.cut_after: int | None = None
        self.requests: list[Any] = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        unary = grpc.unary_unary_rpc_method_handler(
            self._complete,
            request_deserializer=chat_pb2.GetCompletionsRequest.FromString,
            response_serializer=chat_pb2.GetChatCompletionResponse.SerializeToString,
        )
        stream = grpc.unary_stream_rpc_method_handler(
            self._chunks,
            request_deserializer=chat_pb2.GetCompletionsRequest.FromString,
            response_serializer=chat_pb2.GetChatCompletionChunk.SerializeToString,
        )
        handlers = {"GetCompletion": unary, "GetCompletionChunk": stream}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of a client that talks to this server."""
        return {
            "api_host": f"127.0.0.1:{self.port}",
            "api_key": "any",
            "use_insecure_channel": True,
        }

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait(5)

    def _usage(self) -> Any:
        return chat_pb2.GetChatCompletionResponse().usage.__class__(
            prompt_tokens=200,
            prompt_text_tokens=200,
            cached_prompt_text_tokens=120,
            completion_tokens=10,
            reasoning_tokens=30,
            total_tokens=240,
        )

    def _complete(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        if self.refuse is not None:
            context.abort(self.refuse, "no more of this today")
        return chat_pb2.GetChatCompletionResponse(
            id="r1",
            model=f"{request.model}-0101",
            outputs=[
                chat_pb2.CompletionOutput(
                    index=index,
                    finish_reason="REASON_STOP",
                    message=chat_pb2.CompletionMessage(
                        content="".join(WORDS), role=chat_pb2.ROLE_ASSISTANT
                    ),
                )
                for index in range(request.n or 1)
            ],
            usage=self._usage(),
        )

    def _chunks(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self.requests.append(request)
        if self.refuse is not None:
            context.abort(self.refuse, "no more of this today")
        for number, word in enumerate(WORDS):
            if number == self.cut_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")
            time.sleep(0.002)
            is_last = number == len(WORDS) - 1
            yield chat_pb2.GetChatCompletionChunk(
                id="r1",
                model=f"{request.model}-0101",
                outputs=[
                    chat_pb2.CompletionOutputChunk(
                        index=0,
                        delta=chat_pb2.Delta(content=word, role=chat_pb2.ROLE_ASSISTANT),
                        finish_reason="REASON_STOP" if is_last else "REASON_INVALID",
                    )
                ],
                usage=self._usage() if is_last else None,
            )
