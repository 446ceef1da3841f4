"""All forwarders of one collector: made from the settings, started and stopped together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from llmtrace.collector.forward import Forwarded, Forwarder
from llmtrace.collector.forward_targets import targets_of
from llmtrace.collector.via import Via
from llmtrace.errors import LlmtraceError
from llmtrace.otlp.post import Poster
from llmtrace.spool.keeping import FORWARD, activate
from llmtrace.spool.kept import Kept
from llmtrace.store.drain import NOT_FORWARDED, SPOOL, WAL

if TYPE_CHECKING:
    from llmtrace.clock import Clock
    from llmtrace.collector.disk import DiskGuard
    from llmtrace.config import Settings
    from llmtrace.store import Writer

logger = logging.getLogger(__name__)

_ALWAYS_ALLOWED_BYTES: Final = 16 * 1024 * 1024
"""However full the disk: what has only just come must have time to be sent."""


class Forwarding:
    """What sends spans on. ``prepare`` before anything is drained; ``start`` and ``stop`` once."""

    def __init__(self, settings: Settings, *, disk: DiskGuard, clock: Clock) -> None:
        """Read the settings. Raises ConfigError."""
        self.targets = targets_of(settings)
        self.via = Via()
        self._settings = settings
        self._disk = disk
        self._clock = clock
        self._forwarders: list[Forwarder] = []

    def prepare(self, writer: Writer) -> None:
        """Let segments be kept from now on. Raises SegmentError."""
        limits = {target.name: self._settings.max_forward_bytes for target in self.targets}
        for folder in activate(self._settings.home, limits):
            logger.warning(
                "segments wait in %s for a backend that LLMTRACE_FORWARD_TO no longer names; "
                "name it again, or delete the folder",
                folder,
            )

        def on_dropped(name: str, count: int) -> None:
            try:
                writer.insert([], counts={f"{NOT_FORWARDED}{name}": count})
            except LlmtraceError as error:
                logger.warning("%d spans were not forwarded, and not counted: %s", count, error)

        home = self._settings.home
        self._forwarders = [
            Forwarder(
                target,
                Kept(home / FORWARD / target.name, [home / SPOOL, home / WAL]),
                Poster(
                    target.url,
                    target.headers,
                    timeout_s=self._settings.export_timeout_s,
                    compression=self._settings.forward_compression,
                ),
                allowed_bytes=self._allowed_bytes,
                on_dropped=on_dropped,
                headers=self.via.headers,
                clock=self._clock,
            )
            for target in self.targets
        ]

    def start(self) -> None:
        """Begin to send."""
        for forwarder in self._forwarders:
            forwarder.start()

    def stop(self, timeout_s: float) -> None:
        """Send what there is, for at most ``timeout_s`` seconds in all."""
        for forwarder in self._forwarders:
            forwarder.stop(timeout_s / len(self._forwarders))

    def figures(self) -> dict[str, Forwarded]:
        """Return what became of the spans, by target. Raises SegmentError."""
        return {forwarder.target.name: forwarder.figures() for forwarder in self._forwarders}

    def _allowed_bytes(self, waiting: int) -> int:
        """Return how much may wait, where so much does: our store needs the disk first."""
        half_of_the_disk = (waiting + self._disk.spare_bytes) // 2
        return min(self._settings.max_forward_bytes, max(_ALWAYS_ALLOWED_BYTES, half_of_the_disk))
