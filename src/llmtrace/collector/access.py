"""Who may do what: the collector's own token reads and sends, a project's token only sends.

On an address that this machine alone can reach, whoever comes without a token may send.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.collector.tokens import PREFIX

if TYPE_CHECKING:
    from llmtrace.collector.tokens import ProjectTokens
    from llmtrace.config import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Somebody whose spans are taken."""

    project: str | None = None
    """Recorded on them; None: sent without a project's token."""


class Access:
    """Judges ``Authorization`` headers."""

    def __init__(
        self, token: Secret, projects: ProjectTokens | None = None, *, is_guarded: bool
    ) -> None:
        """``token``: the collector's own. ``is_guarded``: sending asks for one, too."""
        self._token = token
        self._projects = projects
        self.is_guarded = is_guarded

    def may_read(self, authorization: str) -> bool:
        """Say whether the header holds the collector's own token."""
        expected = self._token.reveal().encode()
        return hmac.compare_digest(_bearer(authorization).encode("utf-8", "replace"), expected)

    def sender(self, authorization: str) -> Sender | None:
        """Return who sends; None if they may not."""
        word = _bearer(authorization)
        if word.startswith(PREFIX):
            project = self._projects.project_of(word) if self._projects is not None else None
            return None if project is None else Sender(project=project)
        if self.is_guarded and not self.may_read(authorization):
            return None
        return Sender()


def _bearer(authorization: str) -> str:
    scheme, _, word = authorization.partition(" ")
    return word.strip() if scheme.lower() == "bearer" else ""
