"""What the SDK told the app about each call, one JSON line each: the demo's independent witness.

Nothing here knows llmtrace: the figures are the ones that the provider's answer held.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


class Ledger:
    """Appends lines to the file named by ``DEMO_LEDGER``; without it, notes nothing."""

    def __init__(self, app: str) -> None:
        """Name the app whose calls are noted."""
        name = os.environ.get("DEMO_LEDGER")  # noqa: TID251  # the demo's own variable, no setting
        self._path = Path(name) if name else None
        self._app = app

    def note(self, model: str, usage: BaseModel | None, *, user: str, error: str = "") -> None:
        """Note one call: ``usage`` is the SDK's usage object, None if it had none."""
        if self._path is None:
            return
        counted = None if usage is None else usage.model_dump(mode="json")
        line: dict[str, object] = {
            "app": self._app,
            "model": model,
            "user": user,
            "usage": counted,
            "error": error,
        }
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def rounds() -> Iterator[int]:
    """Count the app's rounds: ``DEMO_ROUNDS`` at once, then one every ``DEMO_PAUSE_S`` seconds.

    ``DEMO_PAUSE_S`` 0 (the default) ends after the first ones.
    """
    first = int(os.environ.get("DEMO_ROUNDS", "6"))  # noqa: TID251  # the demo's own variable
    pause_s = float(os.environ.get("DEMO_PAUSE_S", "0"))  # noqa: TID251  # the demo's own variable
    number = 0
    while number < first or pause_s > 0:
        if number >= first:
            time.sleep(pause_s)
        yield number
        number += 1
