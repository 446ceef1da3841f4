"""Run code against stored answers: no network, no key, no cost. Useful in tests.

python examples/quickstart_openai.py        # records a call
python examples/replay_offline.py           # answers it from the store
"""

import llmtrace
from openai import OpenAI

with llmtrace.connect() as db:
    calls = db.sql(
        "select trace_id from llm_calls where service = 'quickstart_openai' order by start_time"
    ).rows()

with llmtrace.replay(str(calls[-1]["trace_id"])):
    answer = OpenAI(api_key="not needed").chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": "Name three uses of a paper clip, briefly."}],
    )
    print(answer.choices[0].message.content)
