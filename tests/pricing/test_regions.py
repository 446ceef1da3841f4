"""Where a call was served, from its host, path and usage."""

from __future__ import annotations

from typing import Any

import pytest

from llmtrace.pricing import region_of


@pytest.mark.parametrize(
    ("provider", "seen", "region"),
    [
        ("anthropic", {"usage": {"inference_geo": "us"}}, "us"),
        ("anthropic", {"usage": {"inference_geo": None}}, None),
        ("anthropic", {"usage": {"inference_geo": 5}}, None),
        ("anthropic", {"host": "api.anthropic.com"}, None),
        ("openai", {"host": "eu.api.openai.com"}, "eu"),
        ("openai", {"host": "api.openai.com"}, None),
        ("openai", {"host": "eu.api.openai.com.evil.example"}, None),
        ("together", {"host": "us-api.together.ai"}, "us"),
        ("aws.bedrock", {"host": "bedrock-runtime.eu-west-1.amazonaws.com"}, "eu-west-1"),
        ("aws.bedrock", {"host": "bedrock-runtime.us-gov-west-1.amazonaws.com"}, "us-gov-west-1"),
        ("aws.bedrock", {"host": "bedrock-mantle.us-east-1.api.aws"}, "us-east-1"),
        ("gcp.vertex_ai", {"host": "us-central1-aiplatform.googleapis.com"}, "us-central1"),
        ("gcp.vertex_ai", {"host": "aiplatform.eu.rep.googleapis.com"}, "eu"),
        (
            "gcp.vertex_ai",
            {
                "host": "aiplatform.googleapis.com",
                "path": "/v1/projects/p/locations/global/publishers/google/models/m:generate",
            },
            "global",
        ),
        ("gcp.gemini", {"host": "generativelanguage.googleapis.com"}, None),
        ("alibaba", {"host": "dashscope.aliyuncs.com"}, "cn"),
        ("alibaba", {"host": "dashscope-intl.aliyuncs.com"}, "intl"),
        ("mistral_ai", {"host": "api.mistral.ai"}, None),
        ("", {}, None),
    ],
)
def test_a_region_is_read_from_what_the_call_shows(
    provider: str, seen: dict[str, Any], region: str | None
) -> None:
    assert region_of(provider, **seen) == region
