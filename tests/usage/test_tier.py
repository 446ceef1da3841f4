"""The tier that served a call."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.usage import read_service_tier


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        ({"service_tier": "flex"}, "flex"),
        ({"usage": {"service_tier": "batch"}}, "batch"),
        ({"usage": {"service_tier": "standard", "speed": "fast"}}, "fast"),
        ({"usage": {"service_tier": "standard", "speed": "standard"}}, "standard"),
        ({"service_tier": None, "usage": None}, None),
        ({"service_tier": 7}, None),
        ({"service_tier": "x" * 100}, "x" * 40),
        ([], None),
        (None, None),
    ],
)
def test_the_tier_is_the_one_the_response_names(body: Any, tier: str | None) -> None:
    assert read_service_tier(body) == tier
