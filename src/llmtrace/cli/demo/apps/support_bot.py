"""A support bot on OpenAI chat completions: streamed answers, several customers and sessions."""

from __future__ import annotations

import openai

import llmtrace
from llmtrace.cli.demo.apps.ledger import Ledger, rounds

llmtrace.instrument(service_name="support-bot", environment="demo")

QUESTIONS = (
    "My parcel has not arrived, where is my order 1184?",
    "How do I reset my password?",
    "I was charged twice on my last invoice, please check.",
    "The app crashes when I open the settings page. My mail is ann.lee@example.com.",
    "I want a refund for the blue lamp.",
    "Which plan fits a team of twelve?",
)
CUSTOMERS = (("ann", "acme"), ("bo", "acme"), ("cyn", "globex"), ("dev", "initech"))
MODELS = ("gpt-5-mini", "gpt-5", "gpt-5-mini")
# A house model that no price list knows: its calls are shown as unpriced, never as free.
HOUSE_MODEL = "acme-house-chat-1"

client = openai.OpenAI()
ledger = Ledger("support-bot")


def answer(question: str, model: str, user: str) -> None:
    """Answer one question, word by word as it comes."""
    usage = None
    stream = client.chat.completions.create(
        model=model,
        messages=[
            {"role": "system", "content": "You are the support desk of a web shop. Be brief."},
            {"role": "user", "content": question},
        ],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        usage = chunk.usage or usage
    ledger.note(model, usage, user=user)


def main() -> None:
    """Serve the customers in turn."""
    for number in rounds():
        user, tenant = CUSTOMERS[number % len(CUSTOMERS)]
        model = HOUSE_MODEL if number % 6 == 5 else MODELS[number % len(MODELS)]
        with llmtrace.attribute(
            user=user, tenant=tenant, session=f"chat-{number // 2}", feature="support"
        ):
            try:
                answer(QUESTIONS[number % len(QUESTIONS)], model, user)
            except openai.APIError as error:
                ledger.note(model, None, user=user, error=type(error).__name__)


if __name__ == "__main__":
    main()
