"""Message parts in the shape of the OTel GenAI message schema."""

from __future__ import annotations

from llmtrace.wire import parts


def test_a_data_url_becomes_inline_bytes() -> None:
    part = parts.media_part("image", "data:image/png;base64,QUJD")

    assert part == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "content": "QUJD",
    }


def test_another_url_stays_a_url() -> None:
    assert parts.media_part("document", "https://x.test/a.pdf", "application/pdf") == {
        "type": "uri",
        "modality": "document",
        "uri": "https://x.test/a.pdf",
        "mime_type": "application/pdf",
    }
    assert parts.media_part("image", "data:text/plain,hi")["type"] == "uri"


def test_arguments_of_a_call_are_parsed() -> None:
    assert parts.tool_call_part("c", "f", '{"a": 1}')["arguments"] == {"a": 1}
    assert parts.tool_call_part(None, None, {"a": 1}) == {
        "type": "tool_call",
        "id": None,
        "name": "",
        "arguments": {"a": 1},
    }


def test_a_block_without_a_type_is_unknown() -> None:
    assert parts.other_part({"x": 1}) == {"x": 1, "type": "unknown"}
    assert parts.other_part({"type": ["odd"], "x": 1})["type"] == "unknown"


def test_what_a_model_wrote_is_its_text_and_its_calls_of_tools() -> None:
    written = [
        parts.written_text(part)
        for part in (
            parts.text_part("Hi"),
            parts.reasoning_part("hm"),
            parts.tool_call_part("c", "f", '{"a": 1}'),
            parts.tool_call_part("c", "g", "not json"),
            parts.blob_part("image", "QUJD", "image/png"),
            parts.other_part({"type": "new", "content": 3}),
        )
    ]

    assert written == ["Hi", "hm", 'f{"a": 1}', "gnot json", "", ""]


def test_arguments_that_are_too_deep_to_write_are_left_out() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    assert parts.written_text({"type": "tool_call", "name": "f", "arguments": deep}) == "f"
