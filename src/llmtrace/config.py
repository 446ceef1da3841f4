"""Settings: one frozen record, one table. Argument > environment > default, read once at the rim.

Nothing else in llmtrace touches ``os.environ``. The README's table is generated from ``TABLE``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, cast
from urllib.parse import unquote

from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

CaptureContent = Literal["redacted", "full", "none"]


class Secret(str):
    """A string that never shows itself: ``repr`` and ``format`` give ``***``; ``reveal()`` it."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Take the value over; a secret made of a secret is that secret, not three stars."""
        return super().__new__(cls, value.reveal() if isinstance(value, Secret) else value)

    def __repr__(self) -> str:
        """Hide the value."""
        return "'***'"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        """Hide the value."""
        return "***"

    def reveal(self) -> str:
        """Return the value itself, to hand to the one place that needs it."""
        return str.__str__(self)


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
    token: Secret | None = None


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


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("write true or false")


def _capture(text: str) -> CaptureContent:
    lowered = text.strip().lower()
    if lowered in {"redacted", "full", "none"}:
        return cast("CaptureContent", lowered)
    # OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: an explicit "no" is obeyed; the three
    # "yes" values say *where* content may go, and ours goes where spans go, redacted.
    if lowered in {"no_content", "false"}:
        return "none"
    if lowered in {"span_only", "event_only", "span_and_event", "true"}:
        return "redacted"
    raise ValueError("write redacted, full or none")


def _positive_int(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ValueError("write a whole number above 0")
    return value


def _positive_seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("write a number of seconds above 0")
    return value


def _ratio(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("write a number from 0 to 1")
    return value


def _timeout(text: str) -> float:
    # OTEL_EXPORTER_OTLP_TIMEOUT is in seconds in OpenTelemetry's Python SDK, and so it is here; the
    # specification's other languages count milliseconds.
    return _positive_seconds(text)


def _headers(text: str) -> dict[str, Secret]:
    pairs: dict[str, Secret] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, separator, value = item.partition("=")
        if not separator or not key.strip():
            raise ValueError("write name=value,name=value")
        # Percent-encoded, as OpenTelemetry specifies: backends hand out ``Basic%20…``.
        pairs[unquote(key.strip()).lower()] = Secret(unquote(value.strip()))
    return pairs


def _pairs(text: str) -> dict[str, str]:
    """Read ``name=value,name=value``, percent-decoded as the OpenTelemetry specification says."""
    items = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(key.strip()): unquote(value.strip()) for key, _, value in items if key.strip()}


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("write a URL that starts with http:// or https://")
    return text


TABLE: Final[tuple[Row, ...]] = (
    Row("home", ("LLMTRACE_HOME",), Path, "Folder of spool, store and collector.json."),
    Row(
        "disabled",
        ("LLMTRACE_DISABLED",),
        _boolean,
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
        _capture,
        "`redacted` (secrets and personal data taken out), `full` (secrets out) or `none`.",
    ),
    Row(
        "max_body_bytes",
        ("LLMTRACE_MAX_BODY_BYTES",),
        _positive_int,
        "Bytes of a request or response body kept per call; longer ones are shortened and marked.",
    ),
    Row(
        "sample_ratio",
        ("LLMTRACE_SAMPLE_RATIO",),
        _ratio,
        "Share of traces recorded, 0 to 1; an OpenTelemetry sampler of the app wins.",
    ),
    Row(
        "endpoint",
        ("LLMTRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        _url,
        "OTLP/HTTP base URL, to which `/v1/traces` is added; unset means the spool directory.",
    ),
    Row(
        "traces_endpoint",
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",),
        _url,
        "OTLP/HTTP URL of traces, used as it is; wins over the base URL.",
    ),
    Row(
        "resource_attributes",
        ("OTEL_RESOURCE_ATTRIBUTES",),
        _pairs,
        "More about your service, `name=value,name=value`; goes with every span.",
    ),
    Row(
        "headers",
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        _headers,
        "Headers sent to the endpoint, `name=value,name=value`; never logged.",
    ),
    Row(
        "export_timeout_s",
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        _timeout,
        "Seconds one export may take.",
    ),
    Row(
        "flush_interval_s",
        ("LLMTRACE_FLUSH_INTERVAL",),
        _positive_seconds,
        "Seconds between writes of the background thread: what a SIGKILL may lose.",
    ),
    Row(
        "exit_flush_s",
        ("LLMTRACE_EXIT_FLUSH",),
        _positive_seconds,
        "Seconds to flush at exit.",
    ),
    Row(
        "max_queue_bytes",
        ("LLMTRACE_MAX_QUEUE_BYTES",),
        _positive_int,
        "Bytes of calls waiting in memory; beyond it calls are dropped and counted.",
    ),
    Row(
        "max_spool_bytes",
        ("LLMTRACE_MAX_SPOOL_BYTES",),
        _positive_int,
        "Bytes of the spool directory, at most half of what its disk has free; beyond it the "
        "oldest segments are dropped and counted.",
    ),
    Row(
        "max_spool_age_s",
        ("LLMTRACE_MAX_SPOOL_AGE",),
        _positive_seconds,
        "Seconds a segment may wait for a collector when an endpoint is set.",
    ),
    Row(
        "prices_file",
        ("LLMTRACE_PRICES",),
        Path,
        "Your price overrides, YAML; default `prices.yaml` in the home folder if it is there.",
    ),
    Row(
        "token",
        ("LLMTRACE_TOKEN",),
        Secret,
        "Bearer token that the collector asks for, and that readers send.",
    ),
)


_SECRETS: Final = frozenset({"headers", "token"})


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    on_error: Callable[[ConfigError], None] | None = None,
    **arguments: object,
) -> Settings:
    """Build the settings from keyword arguments (None = not given), environment and defaults.

    Raises ConfigError naming the variable or argument, its value and what to write instead; with
    ``on_error`` it is called with each such error instead, and the default is taken.
    """
    environ = os.environ if environ is None else environ
    chosen: dict[str, object] = {}

    def report(error: ConfigError) -> None:
        if on_error is None:
            raise error
        on_error(error)

    for row in TABLE:
        try:
            found, value = _choose(row, arguments.get(row.name), environ)
        except ConfigError as error:
            report(error)
        else:
            if found:
                chosen[row.name] = value
    known = {item.name for item in fields(Settings)}
    for name in sorted(set(arguments) - known):
        report(ConfigError(_unknown(name, known)))
    if "service_name" not in chosen:
        resource = cast("dict[str, str]", chosen.get("resource_attributes", {}))
        if resource.get("service.name"):
            chosen["service_name"] = resource["service.name"]
    home = cast("Path", chosen.get("home", Settings().home))
    chosen["home"] = _absolute(home, report)
    return Settings(**chosen)  # pyright: ignore[reportArgumentType]  # each value was parsed by its row


def _absolute(home: Path, report: Callable[[ConfigError], None]) -> Path:
    """Return ``home`` without a tilde, from the root on; a place that keeps nothing if it fails."""
    try:
        return home.expanduser().absolute()
    except (RuntimeError, OSError) as error:
        report(ConfigError(f"home {str(home)!r}: {error}; set LLMTRACE_HOME to a full path"))
        # No folder of a guessable name that somebody else may have made: prompts would go there.
        return Path(os.devnull, "llmtrace")


def _choose(row: Row, given: object, environ: Mapping[str, str]) -> tuple[bool, object]:
    """Return whether the setting was given, and its value: argument first, then environment."""
    if given is not None:
        return True, _checked(row, given)
    for variable in row.variables:
        text = environ.get(variable)
        if text:
            return True, _parsed(row, variable, text)
    return False, None


def _parsed(row: Row, variable: str, text: str) -> object:
    try:
        return row.parse(text)
    except ValueError as error:
        shown = _shown(row, text)
        raise ConfigError(f"environment variable {variable} is {shown}: {error}") from error


def _checked(row: Row, given: object) -> object:
    """Let an argument through the same door as the environment's text."""
    if isinstance(given, Mapping):
        return _checked_pairs(row, cast("Mapping[object, object]", given))
    try:
        if row.parse is Path:
            return Path(cast("str", given))
        return row.parse(given if isinstance(given, Secret) else str(given))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"argument {row.name}={_shown(row, given)}: {error}") from error


def _checked_pairs(row: Row, given: Mapping[object, object]) -> object:
    """Return a mapping of texts, for the settings that are one."""
    pairs = {str(name): value for name, value in given.items()}
    if row.parse is _headers:
        return {k.lower(): v if isinstance(v, Secret) else Secret(str(v)) for k, v in pairs.items()}
    if row.parse is _pairs:
        return {name: str(value) for name, value in pairs.items()}
    raise ConfigError(f"argument {row.name}={_shown(row, given)}: write one value, not a mapping")


def _shown(row: Row, value: object) -> str:
    """Return a wrong value for an error message; of a secret, nothing."""
    return "***" if row.name in _SECRETS else repr(value)


def _unknown(name: str, known: set[str]) -> str:
    import difflib  # noqa: PLC0415  # only on the way to an error

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
    return f"unknown setting {name!r}{hint}"


def settings_markdown() -> str:
    """Return the settings table for the README; a test holds the two equal."""
    defaults = Settings()
    lines = ["| setting | environment variable | default | meaning |", "|---|---|---|---|"]
    for row in TABLE:
        default = getattr(defaults, row.name)
        shown = f"`{default}`" if default is not None else "–"
        variables = ", ".join(f"`{name}`" for name in row.variables)
        lines.append(f"| `{row.name}` | {variables} | {shown} | {row.meaning} |")
    return "\n".join(lines)


def environment_value(name: str) -> str | None:
    """Return an environment variable that a rule file names as ``${env:NAME}``; None if unset."""
    return os.environ.get(name)
