"""Document extraction on Anthropic: one long contract, cached, and many questions about it."""

from __future__ import annotations

import anthropic

import llmtrace
from llmtrace.cli.demo.apps.ledger import Ledger, rounds

llmtrace.instrument(service_name="extraction", environment="demo")

CLAUSE = (
    "The supplier delivers the goods within ten working days of the order and bears the risk until "
    "they are handed over. Payment is due thirty days after the invoice. "
)
CONTRACT = "CONTRACT between Acme Ltd and Globex Inc.\n" + "".join(
    f"\nClause {number}. {CLAUSE}" for number in range(1, 121)
)
FIELDS = ("parties", "payment term", "delivery time", "risk transfer", "governing law", "penalty")
MODEL = "claude-sonnet-4-6"

client = anthropic.Anthropic()
ledger = Ledger("extraction")


def extract(field: str, user: str) -> None:
    """Ask for one field; the contract is read from the prompt cache from the second time on."""
    message = client.messages.create(
        model=MODEL,
        max_tokens=200,
        system=[
            {"type": "text", "text": CONTRACT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        ],
        messages=[{"role": "user", "content": f"Explain the {field}, with its clause number."}],
    )
    ledger.note(MODEL, message.usage, user=user)


def main() -> None:
    """Go through the fields, for two analysts."""
    for number in rounds():
        user = ("eve", "finn")[number % 2]
        with llmtrace.attribute(
            user=user, tenant="globex", feature="extraction", document=f"contract-{number // 6}"
        ):
            try:
                with llmtrace.trace("extract field", field=FIELDS[number % len(FIELDS)]):
                    extract(FIELDS[number % len(FIELDS)], user)
            except anthropic.APIError as error:
                ledger.note(MODEL, None, user=user, error=type(error).__name__)


if __name__ == "__main__":
    main()
