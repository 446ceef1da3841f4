"""Mistral: audio in the total only, connectors, pages."""

from __future__ import annotations

from decimal import Decimal

from llmtrace.records import TokenUsage
from llmtrace.usage import mistral


def test_audio_is_what_the_total_has_more_where_the_usage_speaks_of_audio() -> None:
    raw = {"prompt_tokens": 16, "completion_tokens": 2, "total_tokens": 393}

    heard = mistral.read_chat({**raw, "prompt_audio_seconds": 30})
    silent = mistral.read_chat(raw)

    assert heard is not None
    assert (heard.input_uncached, heard.input_audio) == (16, 375)
    assert heard.units == {"audio_seconds": Decimal(30)}
    assert heard.anomaly == "audio tokens are not in the input but in the total: added"
    assert silent is not None
    assert (silent.input_audio, silent.anomaly) == (
        0,
        "total tokens are 393, input and output are 18",
    )


def test_a_call_without_audio_has_no_seconds() -> None:
    usage = mistral.read_chat(
        {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "prompt_audio_seconds": 0}
    )

    assert usage == TokenUsage(input_uncached=1, output_text=2)


def test_connectors_have_tokens_and_fees_of_their_own() -> None:
    usage = mistral.read_conversation(
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "connector_tokens": 400,
            "total_tokens": 550,
            "connectors": {"web_search": 2, "code_interpreter": 1},
        }
    )

    assert usage == TokenUsage(
        input_uncached=500, output_text=50, requests={"web_search": 2, "code_execution": 1}
    )


def test_pages_are_what_ocr_is_billed_by() -> None:
    assert mistral.read_ocr({"pages_processed": 29, "doc_size_bytes": 3}) == TokenUsage(
        units={"pages": Decimal(29)}
    )
