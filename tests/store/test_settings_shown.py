"""Settings in force are shown, and no secret of them."""

from __future__ import annotations

from pathlib import Path

from llmtrace.config import TABLE, load_settings
from llmtrace.store.settings_shown import shown_settings

CANARY = "c4n4ry-0123456789abcdef"


def test_every_setting_is_shown_and_none_of_its_secrets() -> None:
    settings = load_settings(
        {
            "LLMTRACE_TOKEN": CANARY,
            "LLMTRACE_DASHBOARD_TOKEN": CANARY,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={CANARY}",
            "LLMTRACE_FORWARD_TO": f"there=http://127.0.0.1:9/v1?key={CANARY}",
            "LLMTRACE_FORWARD_HEADERS": f"there:key={CANARY}",
            "LLMTRACE_ENDPOINT": f"http://127.0.0.1:9/{'x'}?key={CANARY}",
        },
        home=Path("/somewhere"),
    )

    shown = {row.name: row.value for row in shown_settings(settings)}

    assert list(shown) == [row.name for row in TABLE]
    assert CANARY not in str(shown)
    assert (shown["token"], shown["dashboard_token"], shown["headers"]) == ("set",) * 3
    assert shown["forward_to"] == "there=http://127.0.0.1:9/v1"
    assert (shown["home"], shown["disabled"]) == ("/somewhere", "False")


def test_what_nobody_chose_is_told_from_what_somebody_did() -> None:
    shown = {row.name: row for row in shown_settings(load_settings({"LLMTRACE_SERVICE": "shop"}))}

    assert not shown["service_name"].is_default
    assert shown["sample_ratio"].is_default
    assert shown["service_name"].variable == "LLMTRACE_SERVICE"
