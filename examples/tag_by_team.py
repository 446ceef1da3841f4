"""Charge calls to users, tenants, sessions, features and any tags of yours.

OPENAI_API_KEY=… python examples/tag_by_team.py
llmtrace report --by user
"""

import llmtrace
from openai import OpenAI

llmtrace.instrument()
client = OpenAI()


@llmtrace.attribute(feature="summaries", team="growth")
def summarise(text: str) -> str | None:
    """Everything called in here is charged to the feature and the team."""
    answer = client.responses.create(model="gpt-5-mini", input=f"Summarise: {text}")
    return answer.output_text


with (
    llmtrace.attribute(user="ann@acme.test", tenant="acme", session="s-1"),
    llmtrace.trace("weekly digest"),
):
    print(summarise("Sales rose by a tenth. Costs did not."))
    print(summarise("The new office opens in May."))
