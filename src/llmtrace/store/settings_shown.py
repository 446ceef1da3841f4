"""The settings in force as people may see them: of a secret only that it is set.

For ``llmtrace doctor`` and the page System.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from llmtrace.config import TABLE, Secret, Settings
from llmtrace.otlp.endpoint import shown_url

if TYPE_CHECKING:
    from llmtrace.config import Row

_NOTHING: Final = "-"
_SET: Final = "set"
_URLS: Final = frozenset({"endpoint", "traces_endpoint"})
_SECRETS: Final = frozenset({"forward_headers", "headers", "token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """One line of the settings in force."""

    name: str
    value: str
    variable: str
    """Environment variable that sets it."""
    is_default: bool


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Return every setting in the order of the table."""
    defaults = Settings()
    return [
        ShownSetting(
            name=row.name,
            value=_value(row, getattr(settings, row.name)),
            variable=row.variables[0],
            is_default=getattr(settings, row.name) == getattr(defaults, row.name),
        )
        for row in TABLE
    ]


def _value(row: Row, value: object) -> str:
    if value is None:
        return _NOTHING
    if row.name in _SECRETS or isinstance(value, Secret):
        return _SET
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        if any(isinstance(each, Secret) for _, each in pairs):
            return _SET
        if row.name == "forward_to":
            return ", ".join(f"{target}={shown_url(str(url))}" for target, url in pairs)
        return ", ".join(f"{key}={each}" for key, each in pairs)
    return shown_url(str(value)) if row.name in _URLS else str(value)
