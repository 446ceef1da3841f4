"""Names from spans, shown."""

from __future__ import annotations

from llmtrace.store.visible import NAME_MAX, short_name, visible


def test_control_and_direction_characters_are_escapes() -> None:
    assert visible("a\x1b\u202eb\n") == "a\\u001b\\u202eb\\u000a"


def test_letters_of_all_scripts_stay() -> None:
    assert visible("Zoë 東京 مرحبا") == "Zoë 東京 مرحبا"


def test_a_name_in_a_report_is_cut_where_it_is_too_long() -> None:
    assert short_name("x" * NAME_MAX) == "x" * NAME_MAX
    assert short_name("x" * NAME_MAX + "y") == "x" * (NAME_MAX - 1) + "…"
