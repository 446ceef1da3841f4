"""Which store the pages show, and who let the viewer in.

Apart from ``data``, so that the launcher need not load Streamlit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.config import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llmtrace.cli.sign_in import Sessions

_chosen: list[Settings] = []
_sessions: list[Sessions] = []
_providers: list[str] = []


def choose_settings(
    settings: Settings, sessions: Sessions | None = None, providers: Sequence[str] = ()
) -> None:
    """Show ``settings.home``. The launcher says it once.

    ``sessions`` are of mode ``token``, ``providers`` of mode ``oidc``.
    """
    _chosen[:] = [settings]
    _sessions[:] = [] if sessions is None else [sessions]
    _providers[:] = providers


def home() -> Path:
    """Return the folder of the store that is shown."""
    return settings().home


def settings() -> Settings:
    """Return what the launcher was told, else what the environment says."""
    return _chosen[0] if _chosen else load_settings()


def providers() -> list[str]:
    """Return by whom people can sign in in mode ``oidc``, as Streamlit names them."""
    return list(_providers)


def sessions() -> Sessions | None:
    """Return who signed in with the shared token; None if nobody could."""
    return _sessions[0] if _sessions else None
