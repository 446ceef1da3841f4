"""Names from spans, shown."""

from __future__ import annotations

from llmtrace.store.visible import visible


def test_control_and_direction_characters_are_escapes() -> None:
    assert visible("a\x1b\u202eb\n") == "a\\u001b\\u202eb\\u000a"


def test_letters_of_all_scripts_stay() -> None:
    assert visible("Zoë 東京 مرحبا") == "Zoë 東京 مرحبا"
