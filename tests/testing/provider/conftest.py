"""A running provider, and the real SDKs' clients pointed at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anthropic
import openai
import pytest

from llmtrace.testing.provider import LocalProvider, SlackSink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    """Serve on a free port for one test."""
    with LocalProvider() as running:
        yield running


@pytest.fixture
def openai_client(provider: LocalProvider) -> Iterator[openai.OpenAI]:
    """Return an unmodified client that never retries."""
    with openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(provider: LocalProvider) -> Iterator[anthropic.Anthropic]:
    """Return an unmodified client that never retries."""
    url = provider.anthropic_url
    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def sink() -> Iterator[SlackSink]:
    """Serve a Slack webhook for one test."""
    with SlackSink() as running:
        yield running
