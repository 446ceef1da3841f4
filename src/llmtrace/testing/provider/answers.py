"""What the local model says: a pure function of the prompt, plausible enough to read in a demo.

It calls tools if it has any and has no results yet, fills a schema if one is given, else answers
as a support desk would. It knows nothing about wire formats.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from llmtrace.testing.provider.events import encode_json
from llmtrace.testing.provider.metering import CHARS_PER_TOKEN, output_tokens
from llmtrace.testing.provider.records import Answer, Prompt, Tool, ToolCall
from llmtrace.testing.provider.schema import instance_of

_TOPICS: tuple[tuple[str, str], ...] = (
    (
        r"refund|money back|return",
        (
            "You can return any item within 30 days. I have started the refund; it reaches your "
            "account within 5 working days."
        ),
    ),
    (
        r"password|log ?in|sign ?in|2fa",
        (
            "Open the sign-in page, choose “Forgot password”, and follow the link in the e-mail. "
            "It is valid for one hour."
        ),
    ),
    (
        r"invoice|billing|charge|receipt",
        (
            "You find every invoice under Settings → Billing. If an amount looks wrong, tell me "
            "its number and I check it line by line."
        ),
    ),
    (
        r"ship|deliver|order|parcel|tracking",
        (
            "Your parcel left our warehouse yesterday and should arrive within two working days; "
            "the tracking link is in your confirmation e-mail."
        ),
    ),
    (
        r"cancel|unsubscribe|terminate",
        (
            "You can cancel at any time under Settings → Plan. You keep access until the end of "
            "the period you have paid for."
        ),
    ),
    (
        r"crash|error|bug|broken|slow|fail",
        (
            "Sorry about that. Please update to the newest version and try again; if it still "
            "happens, send me the time and I look into the logs."
        ),
    ),
    (
        r"upgrade|plan|price|pricing|seat",
        (
            "The Team plan fits best: up to 20 seats, shared dashboards and single sign-on. You "
            "can switch at once and pay only the difference."
        ),
    ),
    (
        r"summar|translate|explain|compare",
        (
            "In short: the main point comes first, two details support it, and nothing in the "
            "text contradicts it."
        ),
    ),
)
_OTHERWISE = (
    (
        "Happy to help with “{topic}”. The short answer is yes; tell me a little more and I can be "
        "precise."
    ),
    (
        "Good question about “{topic}”. In most cases the default setting is right, and you can "
        "change it later."
    ),
    "About “{topic}”: I checked our guide, and two steps are enough. Shall I walk you through?",
)
_CLOSINGS = ("", " Is there anything else?", " Let me know if that helps.")
_MAX_QUOTE = 160


def compose(prompt: Prompt, variant: int = 0) -> Answer:
    """Answer ``prompt``; the same prompt and ``variant`` (choice index) give the same answer."""
    if prompt.tools and not prompt.tool_results:
        answer = Answer(tool_calls=_calls(prompt))
    elif prompt.schema is not None:
        answer = Answer(text=encode_json(instance_of(prompt.schema, _source(prompt))).decode())
    elif prompt.tool_results:
        found = "; ".join(" ".join(result.split())[:_MAX_QUOTE] for result in prompt.tool_results)
        answer = Answer(text=f"Here is what I found: {found}{_pick(prompt, variant, _CLOSINGS)}")
    else:
        answer = Answer(text=_say(prompt, variant))
    if prompt.wants_reasoning:
        answer = replace(answer, reasoning=_think(prompt))
    return truncate(answer, prompt.max_tokens)


def truncate(answer: Answer, max_tokens: int | None) -> Answer:
    """Cut the text where ``max_tokens`` ends; tool calls are left whole."""
    if max_tokens is None or answer.tool_calls or output_tokens([answer]) <= max_tokens:
        return answer
    return replace(answer, text=answer.text[: max_tokens * CHARS_PER_TOKEN], is_truncated=True)


def _calls(prompt: Prompt) -> tuple[ToolCall, ...]:
    """Call every tool whose name the user's words suggest; the first tool if none does."""
    text = prompt.user_text.lower()
    fitting = [tool for tool in prompt.tools if _is_mentioned(tool, text)]
    chosen = fitting or list(prompt.tools[:1])
    chosen = chosen if prompt.is_parallel else chosen[:1]
    return tuple(
        ToolCall(
            name=tool.name,
            arguments=encode_json(
                instance_of({"type": "object"} | tool.parameters, prompt.user_text)
            ).decode(),
        )
        for tool in chosen
    )


def _is_mentioned(tool: Tool, text: str) -> bool:
    words = [word for word in re.split(r"[_\W]+", tool.name.lower()) if len(word) > 3]
    return any(word.removesuffix("s") in text for word in words)


def _say(prompt: Prompt, variant: int) -> str:
    for pattern, text in _TOPICS:
        if re.search(pattern, prompt.user_text, re.IGNORECASE):
            return text + _pick(prompt, variant, _CLOSINGS)
    words = prompt.user_text.split()
    topic = " ".join(words[:8]).rstrip("?.!,") or "that"
    return _pick(prompt, variant, _OTHERWISE).format(topic=topic.replace("{", "").replace("}", ""))


def _think(prompt: Prompt) -> str:
    topic = " ".join(prompt.user_text.split()[:12])
    return f"The user asks: {topic} I look for the shortest answer that is certainly right."


def _source(prompt: Prompt) -> str:
    """Return the text that structured output is filled from."""
    return "\n".join((prompt.user_text, *prompt.tool_results))


def _pick(prompt: Prompt, variant: int, options: tuple[str, ...]) -> str:
    digest = hashlib.sha256(prompt.user_text.encode("utf-8", "surrogatepass")).digest()
    return options[(digest[0] + variant) % len(options)]
