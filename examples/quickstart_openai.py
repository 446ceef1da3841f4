"""One call, traced. Remove the line with `llmtrace.instrument()` and you have the plain program.

OPENAI_API_KEY=… python examples/quickstart_openai.py
llmtrace report
"""

import llmtrace; llmtrace.instrument()  # the one line

from openai import OpenAI

client = OpenAI()
answer = client.chat.completions.create(
    model="gpt-5-mini",
    messages=[{"role": "user", "content": "Name three uses of a paper clip, briefly."}],
)
print(answer.choices[0].message.content)
