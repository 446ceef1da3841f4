"""Who answers a call: one SDK speaks to many hosts. Data, and pure look-ups.

Names are OpenTelemetry's ``gen_ai.provider.name`` values where it has one. The user's own word for
a host comes first, then the hosts known here, then (for servers on one's own machine or network,
whose host says nothing) what the answer looks like. Any other host, as a gateway or a proxy, counts
as the SDK's own provider.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BY_HOST: Final = {
    "ai-gateway.vercel.sh": "vercel",
    "anthropic.helicone.ai": "anthropic",
    "api.ai21.com": "ai21",
    "api.anthropic.com": "anthropic",
    "api.arcee.ai": "arcee",
    "api.avian.io": "avian",
    "api.cerebras.ai": "cerebras",
    "api.cloudflare.com": "cloudflare",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepinfra.com": "deepinfra",
    "api.deepseek.com": "deepseek",
    "api.doubleword.ai": "doubleword",
    "api.elevenlabs.io": "elevenlabs",
    "api.featherless.ai": "featherless",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.inference.crusoecloud.com": "crusoe",
    "api.lambda.ai": "lambda",
    "api.llama.com": "meta",
    "api.minimax.io": "minimax",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.novita.ai": "novita",
    "api.openai.com": "openai",
    "api.perplexity.ai": "perplexity",
    "api.sambanova.ai": "sambanova",
    "api.studio.nebius.com": "nebius",
    "api.tokenfactory.nebius.com": "nebius",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.venice.ai": "venice",
    "api.voyageai.com": "voyage",
    "api.writer.com": "writer",
    "api.x.ai": "x_ai",
    "api.xiaomimimo.com": "xiaomi",
    "api.z.ai": "zai",
    "codestral.mistral.ai": "mistral_ai",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "dashscope-us.aliyuncs.com": "alibaba",
    "dashscope.aliyuncs.com": "alibaba",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "inference.baseten.co": "baseten",
    "integrate.api.nvidia.com": "nvidia",
    "models.github.ai": "github",
    "oai.helicone.ai": "openai",
    "ollama.com": "ollama_cloud",
    "open.bigmodel.cn": "zhipuai",
    "openrouter.ai": "openrouter",
    "router.huggingface.co": "huggingface",
    "text.pollinations.ai": "pollinations",
}
_BY_SUFFIX: Final = (
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    # us-central1-aiplatform.googleapis.com, and without a region
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".amazonaws.com", "aws.bedrock"),
    (".amazonaws.com.cn", "aws.bedrock"),
    (".api.aws", "aws.bedrock"),
    (".api.baseten.co", "baseten"),
    (".cloud.databricks.com", "databricks"),
    (".azuredatabricks.net", "databricks"),
    (".inference.heroku.com", "heroku"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    (".snowflakecomputing.com", "snowflake"),
    (".openai.com", "openai"),
    (".anthropic.com", "anthropic"),
    (".x.ai", "x_ai"),
)

_ROUTED: Final = re.compile(r"/(?!v\d)([a-z][a-z0-9-]{1,30})/v\d+/")
"""Hugging Face's router: ``/together/v1/chat/completions`` is answered, and priced, by Together."""

_ROUTER: Final = "huggingface"
_ROUTED_TO: Final = b"x-inference-provider"
_SELLER: Final = re.compile(rb"[a-z][a-z0-9-]{1,30}")
"""Its router chooses who answers, if the caller does not, and says so in a header."""

_SAGEMAKER: Final = "runtime.sagemaker."
"""Of Amazon's hosts, those of models that one hosts oneself, by the hour."""
_OWN_NETWORK: Final = re.compile(
    r"localhost|[^.:]+|127\..*|10\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|0\.0\.0\.0|::1"
    r"|.*\.(?:local|internal|lan|localhost)"
)
"""Hosts of one's own machine or network: a bare name, a private address, a private domain."""


def provider_of(
    host: str | None,
    port: int | None = None,
    own: Mapping[str, str] | None = None,
    *,
    path: str = "",
) -> str | None:
    """Return the provider at ``host``; None if the host says nothing.

    ``own`` is the user's ``host`` or ``host:port`` → provider, in lower case. ``path`` is that of
    the request: a router that has others answer may name them there.
    """
    if not host:
        return None
    host = host.lower()
    if own:
        said = own.get(f"{host}:{port}") or own.get(host)
        if said:
            return said
    known = _BY_HOST.get(host)
    if known is not None:
        behind = _ROUTED.match(path) if known == "huggingface" else None
        return f"{known}_{behind.group(1)}" if behind else known
    if host.startswith(_SAGEMAKER):
        return "aws.sagemaker"
    return next((name for suffix, name in _BY_SUFFIX if host.endswith(suffix)), None)


def seller_behind(provider: str, headers: Iterable[tuple[bytes, bytes]] | None) -> str:
    """Return ``provider``; of a router, with the name of who answered, as its headers say it."""
    if provider != _ROUTER:
        return provider
    for name, value in headers or ():
        said = value.strip().lower()
        if name.lower() == _ROUTED_TO and _SELLER.fullmatch(said):
            return f"{provider}_{said.decode('ascii')}"
    return provider


def local_program(host: str | None, body: Mapping[str, object] | None) -> str | None:
    """Return which program on one's own machine or network gave an answer; None if unknown.

    OpenAI's API is spoken by programs that serve a model for free: Ollama says so in its
    fingerprint, llama.cpp adds ``timings`` and its build, vLLM a ``stop_reason`` in each choice.
    """
    if not host or not body or not _OWN_NETWORK.fullmatch(host.lower()):
        return None
    fingerprint = body.get("system_fingerprint")
    if fingerprint == "fp_ollama":
        return "ollama"
    if isinstance(body.get("timings"), dict) or _is_llama_cpp_build(fingerprint):
        return "llama.cpp"
    choices: Any = body.get("choices")
    first = cast("list[object]", choices)[0] if isinstance(choices, list) and choices else None
    return "vllm" if isinstance(first, dict) and "stop_reason" in first else None


def _is_llama_cpp_build(fingerprint: object) -> bool:
    return isinstance(fingerprint, str) and bool(re.fullmatch(r"b\d+-[0-9a-f]{6,12}", fingerprint))
