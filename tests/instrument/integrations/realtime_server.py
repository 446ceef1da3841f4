"""A WebSocket on loopback that plays a script of events after each ``response.create``."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Self

from websockets.sync.server import ServerConnection, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = {
    "total_tokens": 182, "input_tokens": 149, "output_tokens": 33,
    "input_token_details": {
        "text_tokens": 100, "audio_tokens": 49, "image_tokens": 0, "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 13, "audio_tokens": 20},
}  # fmt: skip
SESSION = {
    "type": "realtime", "id": "sess_1", "model": "gpt-realtime", "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}  # fmt: skip


def realtime_turn(number: int, status: str = "completed") -> list[dict[str, Any]]:
    """Return the events of one response of a realtime session."""
    name = f"resp_{number}"
    item = {
        "type": "message", "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "It is on its way."}],
    }  # fmt: skip
    return [
        {"type": "response.created", "response": {"id": name, "status": "in_progress"}},
        {"type": "response.output_audio.delta", "response_id": name, "delta": "UklGRg" * 2_000},
        {
            "type": "response.done",
            "response": {"id": name, "status": status, "output": [item], "usage": USAGE},
        },
    ]


class RealtimeServer:
    """Sends ``first`` on connecting, and the next of ``turns`` at each ``response.create``."""

    def __init__(
        self, turns: Sequence[Sequence[dict[str, Any]]], first: Sequence[dict[str, Any]] = ()
    ) -> None:
        self._turns, self._first = turns, first
        self.received: list[dict[str, Any]] = []
        self._server = serve(self._serve, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """``base_url`` for the openai SDK."""
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)

    def _serve(self, connection: ServerConnection) -> None:
        for event in self._first:
            connection.send(json.dumps(event))
        turns = iter(self._turns)
        for message in connection:
            event = json.loads(message)
            self.received.append(event)
            if event["type"] == "response.create":
                for answer in next(turns):
                    connection.send(json.dumps(answer))
