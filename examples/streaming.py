"""A streamed answer from Anthropic, shown as it comes; tokens and cost are recorded at its end.

ANTHROPIC_API_KEY=… python examples/streaming.py
"""

import llmtrace; llmtrace.instrument()  # the one line

from anthropic import Anthropic

client = Anthropic()
with client.messages.stream(
    model="claude-sonnet-4-6",
    max_tokens=300,
    messages=[{"role": "user", "content": "Explain prompt caching in two sentences."}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
