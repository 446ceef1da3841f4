"""Who answers at a host."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import llmtrace
from llmtrace.instrument.providers import local_program, provider_of, seller_behind
from llmtrace.testing.provider import Reply
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("resource.openai.azure.com", "azure.ai.openai"),
        ("resource.services.ai.azure.com", "azure.ai.inference"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("bedrock-mantle.us-east-1.api.aws", "aws.bedrock"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws.bedrock"),
        ("us-east-1.api.x.ai", "x_ai"),
        ("API.DeepSeek.com", "deepseek"),
        ("openrouter.ai", "openrouter"),
        ("api.perplexity.ai", "perplexity"),
        ("ollama.com", "ollama_cloud"),
        ("127.0.0.1", None),
        ("notopenai.com", None),
        ("openai.com.evil.example", None),
        ("", None),
        (None, None),
    ],
)
def test_a_host_names_its_provider_or_nobody(host: str | None, provider: str | None) -> None:
    assert provider_of(host) == provider


def test_the_users_word_on_a_host_comes_first() -> None:
    own = {"localhost:8000": "vllm", "llm.example": "openai", "api.openai.com": "mine"}

    assert provider_of("LocalHost", 8000, own) == "vllm"
    assert provider_of("localhost", 9000, own) is None
    assert provider_of("llm.example", 443, own) == "openai"
    assert provider_of("api.openai.com", None, own) == "mine"


@pytest.mark.parametrize(
    ("body", "program"),
    [
        ({"system_fingerprint": "fp_ollama"}, "ollama"),
        ({"system_fingerprint": "b10452-b94041a98"}, "llama.cpp"),
        ({"timings": {"prompt_n": 3}}, "llama.cpp"),
        ({"choices": [{"index": 0, "stop_reason": None}]}, "vllm"),
        ({"choices": [{"index": 0}], "system_fingerprint": "fp_44709d6fcb"}, None),
        ({"choices": [], "timings": None}, None),
        ({"choices": "x", "system_fingerprint": 3}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_server_of_ones_own_is_told_by_its_answer(body: object, program: str | None) -> None:
    assert local_program("localhost", body) == program  # type: ignore[arg-type]  # hostile on purpose


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "172.20.0.5", "gpu-box", "llm.internal"])
def test_only_on_ones_own_network(host: str) -> None:
    body = {"system_fingerprint": "fp_ollama"}

    assert local_program(host, body) == "ollama"
    assert local_program("api.example.com", body) is None
    assert local_program("172.32.0.1", body) is None


def test_a_call_that_ollama_answered_costs_nothing(
    provider: LocalProvider, recorded: Recorded
) -> None:
    import openai

    provider.enqueue(
        Reply(
            json={
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                "model": "llama3.2", "system_fingerprint": "fp_ollama",
                "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Hi"},
                }],
                "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
            }
        )
    )  # fmt: skip
    client = openai.OpenAI(base_url=provider.openai_url, api_key="any")
    client.chat.completions.create(model="llama3.2", messages=[{"role": "user", "content": "Hi"}])

    attributes = recorded.attributes()
    assert attributes["gen_ai.provider.name"] == "ollama"
    assert attributes["llmtrace.cost.total_usd"] == 0
    assert attributes["llmtrace.price.version"] == "local"


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        ("/together/v1/chat/completions", "huggingface_together"),
        ("/fireworks-ai/v1/chat/completions", "huggingface_fireworks-ai"),
        ("/v1/chat/completions", "huggingface"),
        ("", "huggingface"),
        ("/../v1/x", "huggingface"),
    ],
)
def test_a_router_that_names_who_answers_in_the_path_is_believed(path: str, provider: str) -> None:
    assert provider_of("router.huggingface.co", path=path) == provider
    assert provider_of("api.openai.com", path=path) == "openai"


@pytest.mark.parametrize(
    ("name", "value", "provider"),
    [
        (b"x-inference-provider", b"together", "huggingface_together"),
        (b"X-Inference-Provider", b" Fireworks-AI ", "huggingface_fireworks-ai"),
        (b"x-inference-provider", b"", "huggingface"),
        (b"x-inference-provider", b"../../x y", "huggingface"),
        (b"x-inference-provider", b"\xff\xfe", "huggingface"),
        (b"x-inference-provider", b"a" * 500, "huggingface"),
        (b"x-provider", b"together", "huggingface"),
    ],
)
def test_a_router_that_names_who_answers_in_a_header_is_believed(
    name: bytes, value: bytes, provider: str
) -> None:
    headers = [(b"content-type", b"application/json"), (name, value)]

    assert seller_behind("huggingface", headers) == provider
    assert seller_behind("huggingface_novita", headers) == "huggingface_novita"
    assert seller_behind("openai", headers) == "openai"


def test_a_router_without_headers_stays_itself() -> None:
    assert seller_behind("huggingface", None) == "huggingface"


def test_a_routed_call_has_the_price_of_who_answered(
    provider: LocalProvider, tmp_path: Path
) -> None:
    import openai

    provider.enqueue(
        Reply(
            headers={"x-inference-provider": "fireworks-ai"},
            json={
                "id": "x", "object": "chat.completion", "created": 1,
                "model": "accounts/fireworks/models/deepseek-v4-pro",
                "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Hi"},
                }],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
            },
        )
    )  # fmt: skip
    host = urlsplit(provider.openai_url).netloc
    llmtrace.instrument(home=tmp_path, provider_hosts={host: "huggingface"})
    client = openai.OpenAI(base_url=provider.openai_url, api_key="any")
    client.chat.completions.create(
        model="deepseek-ai/DeepSeek-V4-Pro", messages=[{"role": "user", "content": "Hi"}]
    )

    attributes = Recorded(tmp_path).attributes()
    llmtrace.uninstrument()
    assert attributes["gen_ai.provider.name"] == "huggingface_fireworks-ai"
    assert attributes["llmtrace.cost.total_usd"] == pytest.approx(0.002088)
