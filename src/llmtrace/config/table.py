"""The settings: their names, defaults, variables, units and meaning. Data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmtrace.config import values
from llmtrace.config.values import CaptureContent, Compression, Secret, SignInMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be chosen. See ``TABLE`` for names, units, defaults and meaning."""

    home: Path = Path("~/.llmtrace")
    disabled: bool = False
    service_name: str = "unknown_service"
    environment: str | None = None
    capture_content: CaptureContent = "redacted"
    max_body_bytes: int = 1_000_000
    sample_ratio: float = 1.0
    endpoint: str | None = None
    traces_endpoint: str | None = None
    resource_attributes: Mapping[str, str] | None = None
    headers: Mapping[str, Secret] | None = None
    export_timeout_s: float = 10.0
    flush_interval_s: float = 0.03
    exit_flush_s: float = 2.0
    max_queue_bytes: int = 64_000_000
    max_spool_bytes: int = 1_000_000_000
    max_spool_age_s: float = 86_400.0
    prices_file: Path | None = None
    provider_hosts: Mapping[str, str] | None = None
    include_stream_usage: bool = False
    token: Secret | None = None
    dashboard_url: str | None = None
    forward_to: Mapping[str, str] | None = None
    forward_headers: Mapping[str, Secret] | None = None
    forward_compression: Compression = "gzip"
    max_forward_bytes: int = 1_000_000_000
    max_bytes_per_second: int | None = None
    dashboard_sign_in: SignInMode = "none"
    dashboard_token: Secret | None = None
    dashboard_token_file: Path | None = None
    dashboard_tenants_claim: str = "tenants"
    dashboard_all_tenants: tuple[tuple[str, str], ...] = ()
    dashboard_replay: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the settings table."""

    name: str
    """Field of ``Settings``."""
    variables: tuple[str, ...]
    """Environment variables, the first that is set wins."""
    parse: Callable[[str], object]
    meaning: str
    """One sentence; says the unit."""


TABLE: Final[tuple[Row, ...]] = (
    Row("home", ("LLMTRACE_HOME",), Path, "Folder of spool, store and collector.json."),
    Row(
        "disabled",
        ("LLMTRACE_DISABLED",),
        values.boolean,
        "Kill switch: `instrument()` does nothing.",
    ),
    Row(
        "service_name",
        ("LLMTRACE_SERVICE", "OTEL_SERVICE_NAME"),
        str,
        "Name of your service.",
    ),
    Row(
        "environment",
        ("LLMTRACE_ENVIRONMENT",),
        str,
        "Deployment environment, as `prod`.",
    ),
    Row(
        "capture_content",
        (
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
            "LLMTRACE_CAPTURE_CONTENT",
        ),
        values.capture,
        "`redacted` (secrets and personal data taken out), `full` (secrets out) or `none`; the "
        "collector does the same to spans of other tools.",
    ),
    Row(
        "max_body_bytes",
        ("LLMTRACE_MAX_BODY_BYTES",),
        values.positive_int,
        "Bytes of a request or response body kept per call; longer ones are shortened and marked.",
    ),
    Row(
        "sample_ratio",
        ("LLMTRACE_SAMPLE_RATIO",),
        values.ratio,
        "Share of traces recorded, 0 to 1; an OpenTelemetry sampler of the app wins.",
    ),
    Row(
        "endpoint",
        ("LLMTRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        values.url,
        "OTLP/HTTP base URL, to which `/v1/traces` is added; unset means the spool directory.",
    ),
    Row(
        "traces_endpoint",
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",),
        values.url,
        "OTLP/HTTP URL of traces, used as it is; wins over the base URL.",
    ),
    Row(
        "resource_attributes",
        ("OTEL_RESOURCE_ATTRIBUTES",),
        values.pairs,
        "More about your service, `name=value,name=value`; goes with every span.",
    ),
    Row(
        "headers",
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        values.headers,
        "Headers sent to the endpoint, `name=value,name=value`; never logged.",
    ),
    Row(
        "export_timeout_s",
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        values.timeout,
        "Seconds one export may take.",
    ),
    Row(
        "flush_interval_s",
        ("LLMTRACE_FLUSH_INTERVAL",),
        values.positive_seconds,
        "Seconds between writes of the background thread: what a SIGKILL may lose.",
    ),
    Row(
        "exit_flush_s",
        ("LLMTRACE_EXIT_FLUSH",),
        values.positive_seconds,
        "Seconds to flush at exit.",
    ),
    Row(
        "max_queue_bytes",
        ("LLMTRACE_MAX_QUEUE_BYTES",),
        values.positive_int,
        "Bytes of calls waiting in memory; beyond it calls are dropped and counted.",
    ),
    Row(
        "max_spool_bytes",
        ("LLMTRACE_MAX_SPOOL_BYTES",),
        values.positive_int,
        "Bytes of the spool directory, at most half of what its disk has free; beyond it the "
        "oldest segments are dropped and counted.",
    ),
    Row(
        "max_spool_age_s",
        ("LLMTRACE_MAX_SPOOL_AGE",),
        values.positive_seconds,
        "Seconds a segment may wait for a collector when an endpoint is set.",
    ),
    Row(
        "prices_file",
        ("LLMTRACE_PRICES",),
        Path,
        "Your price overrides, YAML; default `prices.yaml` in the home folder if it is there.",
    ),
    Row(
        "provider_hosts",
        ("LLMTRACE_PROVIDER_HOSTS",),
        values.hosts,
        "Who answers at hosts of your own, as `localhost:8000=vllm,llm.example=openai`; a local "
        "program's calls cost 0.",
    ),
    Row(
        "include_stream_usage",
        ("LLMTRACE_INCLUDE_STREAM_USAGE",),
        values.boolean,
        "Ask OpenAI's chat streams for their usage where the app did not; the extra chunk is taken "
        "out again.",
    ),
    Row(
        "token",
        ("LLMTRACE_TOKEN",),
        Secret,
        "Bearer token that the collector asks for, and that readers send.",
    ),
    Row(
        "dashboard_url",
        ("LLMTRACE_DASHBOARD_URL",),
        values.dashboard,
        "Where people open the dashboards, as `https://llm.example.com`; alert messages link "
        "there.",
    ),
    Row(
        "forward_to",
        ("LLMTRACE_FORWARD_TO",),
        values.targets,
        "OTLP/HTTP backends to which the collector sends every span on, "
        "`name=url,name=url`; `/v1/traces` is added.",
    ),
    Row(
        "forward_headers",
        ("LLMTRACE_FORWARD_HEADERS",),
        values.headers,
        "Headers for them, `target:name=value,target:name=value`; never logged.",
    ),
    Row(
        "forward_compression",
        ("LLMTRACE_FORWARD_COMPRESSION",),
        values.compression,
        "How bodies for them are packed, `gzip` or `none`.",
    ),
    Row(
        "max_forward_bytes",
        ("LLMTRACE_MAX_FORWARD_BYTES",),
        values.positive_int,
        "Bytes that may wait for each of them, less on a disk that fills up; beyond it the oldest "
        "segments are dropped for it and counted.",
    ),
    Row(
        "max_bytes_per_second",
        ("LLMTRACE_MAX_BYTES_PER_SECOND",),
        values.positive_int,
        "Bytes that each project may send to the collector in a second, unpacked, ten seconds' "
        "worth at once; unset: no limit.",
    ),
    Row(
        "dashboard_sign_in",
        ("LLMTRACE_DASHBOARD_SIGN_IN",),
        values.sign_in_mode,
        "How people sign in to the dashboards: `none` (this machine only), `token` or `oidc`.",
    ),
    Row(
        "dashboard_token",
        ("LLMTRACE_DASHBOARD_TOKEN",),
        Secret,
        "Shared token of mode `token`, 16 characters at least; never logged.",
    ),
    Row(
        "dashboard_token_file",
        ("LLMTRACE_DASHBOARD_TOKEN_FILE",),
        Path,
        "File that holds it, instead.",
    ),
    Row(
        "dashboard_tenants_claim",
        ("LLMTRACE_DASHBOARD_TENANTS_CLAIM",),
        str,
        "Claim of mode `oidc` that names the tenants a person may see: a text or a list of texts.",
    ),
    Row(
        "dashboard_all_tenants",
        ("LLMTRACE_DASHBOARD_ALL_TENANTS",),
        values.claims,
        "Claims of whoever may see all tenants, as `groups=finance,email=ann@example.com`; `*` is "
        "everybody who signs in.",
    ),
    Row(
        "dashboard_replay",
        ("LLMTRACE_DASHBOARD_REPLAY",),
        values.boolean,
        "Let the dashboards send stored calls again, with the SDK keys of their own environment; "
        "costs money.",
    ),
)
