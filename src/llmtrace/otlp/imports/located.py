"""What a file's readers give: a value and where it stands, or what is wrong there."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_RECORD_CHARACTERS = 16 * 1024 * 1024
"""A longer record is refused, whatever it is: memory stays bounded."""


class Located(NamedTuple):
    """A record of a file."""

    line: int
    """From 1; of a file without lines, which message it is."""
    value: Any = None
    text: str = ""
    """As it stands in the file; only of JSON."""
    problem: str | None = None
    """Why there is no value, of the kind that is counted; None if there is one."""
    detail: str | None = None
    """What exactly, for people."""


def garbage(line: int, problem: str, detail: str | None = None) -> Located:
    """Say that what stands at ``line`` is no record."""
    return Located(line, problem=problem, detail=detail)
