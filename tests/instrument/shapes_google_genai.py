"""The ways in which an app calls google-genai beyond single calls: chats, functions, look-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.contract import apis_google_genai
from tests.instrument.differential import adapted, drain

if TYPE_CHECKING:
    from tests.instrument.differential import Seen, Shape

SDK = apis_google_genai.GOOGLE
MODEL = "gemini-2.5-flash"


def track_parcel(number: str) -> str:
    """Say where a parcel is."""
    return f"{number} is in Lyon"


async def automatic_function_call(client: Any, seen: Seen) -> None:
    """Let the SDK call the function and ask again: one call of the app, several inferences."""
    made = client.models.generate_content(
        model=MODEL, contents="Where is parcel A-1001?", config={"tools": [track_parcel]}
    )
    result = await adapted(made)
    seen.see("result", result)
    seen.see("history", result.automatic_function_calling_history)
    seen.requests()


async def automatic_function_call_streamed(client: Any, seen: Seen) -> None:
    made = client.models.generate_content_stream(
        model=MODEL, contents="Where is parcel A-1001?", config={"tools": [track_parcel]}
    )
    await drain(await adapted(made), seen)
    seen.requests()


async def chat(client: Any, seen: Seen) -> None:
    talk = client.chats.create(model=MODEL)
    for text in ("Where is my parcel?", "And the other one?"):
        seen.see("answer", await adapted(talk.send_message(text)))
    seen.see("history", talk.get_history())


async def chat_streamed(client: Any, seen: Seen) -> None:
    talk = client.chats.create(model=MODEL)
    await drain(await adapted(talk.send_message_stream("Where is my parcel?")), seen)
    seen.see("history", talk.get_history())


SHAPES: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        automatic_function_call,
        automatic_function_call_streamed,
        chat,
        chat_streamed,
    )
}
