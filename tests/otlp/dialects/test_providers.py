"""One provider, one name, whatever a tool calls it."""

from __future__ import annotations

import pytest

from llmtrace.otlp.dialects.providers import provider_name
from tests.otlp.dialects.reading import row_of


@pytest.mark.parametrize(
    ("said", "standard"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("Anthropic", "anthropic"),
        ("anthropic.messages", "anthropic"),
        ("azure", "azure.ai.openai"),
        ("azure.chat", "azure.ai.openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("azure.ai.openai", "azure.ai.openai"),
        ("azure.ai.inference", "azure.ai.inference"),
        ("AWS", "aws.bedrock"),
        ("amazon-bedrock", "aws.bedrock"),
        ("aws.bedrock", "aws.bedrock"),
        ("google", "gcp.gemini"),
        ("google-gla", "gcp.gemini"),
        ("google.generative-ai", "gcp.gemini"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("vertexai", "gcp.vertex_ai"),
        ("gcp.gemini", "gcp.gemini"),
        ("mistralai", "mistral_ai"),
        ("mistral.chat", "mistral_ai"),
        ("xai", "x_ai"),
        ("xai.chat", "x_ai"),
        ("moonshotai.chat", "moonshot_ai"),
        ("watsonx", "ibm.watsonx.ai"),
        ("ibm.watsonx.ai", "ibm.watsonx.ai"),
        ("hosted_vllm", "vllm"),
        ("My Gateway", "my gateway"),
        ("", ""),
    ],
)
def test_a_provider_has_its_standard_name(said: str, standard: str) -> None:
    assert provider_name(said) == standard


def test_the_old_attribute_stays_if_it_said_something_else() -> None:
    row = row_of({"gen_ai.provider.name": "groq", "gen_ai.system": "openai"})

    assert (row.provider, row.attributes["gen_ai.system"]) == ("groq", "openai")
