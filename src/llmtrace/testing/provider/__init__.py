"""A loopback HTTP server that speaks OpenAI's and Anthropic's wire formats, and a Slack sink.

A fake SDK proves nothing about a real one, so the real ones are pointed here by ``base_url``::

    with LocalProvider() as provider:
        client = openai.OpenAI(base_url=provider.openai_url, api_key="any")
        client.chat.completions.create(model="gpt-4o-mini", messages=[...])
        provider.enqueue(faults.rate_limited())   # the next request gets a 429

Answers, token counts and cache hits are deterministic (``answers``, ``metering``); faults are
scripted (``script``, ``faults``). It needs the standard library only. It binds to 127.0.0.1, and it
is no proxy: it never connects to anything.
"""

from __future__ import annotations

from llmtrace.testing.provider import faults
from llmtrace.testing.provider.local import LocalProvider
from llmtrace.testing.provider.records import Answer, ToolCall, UsageFrom
from llmtrace.testing.provider.script import Reply
from llmtrace.testing.provider.server import Received
from llmtrace.testing.provider.slack import SlackSink

__all__ = [
    "Answer",
    "LocalProvider",
    "Received",
    "Reply",
    "SlackSink",
    "ToolCall",
    "UsageFrom",
    "faults",
]
