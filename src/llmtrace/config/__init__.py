"""Settings: one frozen record, one table. Argument > environment > default, read once at the rim.

Nothing else in llmtrace touches ``os.environ``. The README's table is generated from ``TABLE``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from llmtrace.config import values
from llmtrace.config.table import TABLE, Row, Settings
from llmtrace.config.values import CaptureContent, Secret, SignInMode
from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "TABLE",
    "CaptureContent",
    "Row",
    "Secret",
    "Settings",
    "SignInMode",
    "environment_value",
    "load_settings",
    "settings_markdown",
]

_SECRETS: Final = frozenset(
    {"dashboard_token", "dashboard_url", "forward_headers", "forward_to", "headers", "token"}
)
"""Settings whose values no error shows. A URL is no secret, but people put secrets into it."""


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
    if row.parse is values.headers:
        return {k.lower(): v if isinstance(v, Secret) else Secret(str(v)) for k, v in pairs.items()}
    if row.parse in {values.pairs, values.hosts}:
        return {name: str(value) for name, value in pairs.items()}
    if row.parse is values.targets:
        try:
            return values.targets({name: str(value) for name, value in pairs.items()})
        except ValueError as error:
            raise ConfigError(f"argument {row.name}={_shown(row, given)}: {error}") from error
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
        shown = f"`{default}`" if default not in (None, ()) else "–"
        variables = ", ".join(f"`{name}`" for name in row.variables)
        lines.append(f"| `{row.name}` | {variables} | {shown} | {row.meaning} |")
    return "\n".join(lines)


def environment_value(name: str) -> str | None:
    """Return an environment variable that a rule file names as ``${env:NAME}``; None if unset."""
    return os.environ.get(name)
