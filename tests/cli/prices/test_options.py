"""What the commands of ``llmtrace prices`` share."""

from __future__ import annotations

from llmtrace.cli.prices.options import shown


def test_text_from_outside_commands_no_terminal() -> None:
    assert shown("a\x1b[31mb\n") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"
    assert len(shown("x" * 500)) == 200
