"""A Slack on this machine for the alert tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.testing.provider.slack import SlackSink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sink() -> Iterator[SlackSink]:
    """Return a local Slack that refuses what Slack refuses; it is closed after the test."""
    with SlackSink() as server:
        yield server
