"""Stands for the finisher until there is something to finish.

Reading, counting, pricing, redacting and encoding are forty modules and a dozen regular
expressions: 25 ms that an app would pay in its start-up. They are loaded with the first record, by
the background thread (a fork waits for it, so that no child inherits a half imported module).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from llmtrace.config import Settings
    from llmtrace.instrument.call import Call
    from llmtrace.instrument.finish import Finisher
    from llmtrace.instrument.step import Step


class DeferredFinisher:
    """Does what a ``Finisher`` does; makes it when it is first needed."""

    def __init__(
        self,
        settings: Settings,
        *,
        patterns: Sequence[tuple[str, str]] = (),
        redact: Callable[[str], str] | None = None,
    ) -> None:
        """Keep what the finisher is made of. ``patterns`` must compile."""
        self._settings = settings
        self._patterns = patterns
        self._redact = redact
        self._resource: Mapping[str, object] | None = None
        self._finisher: Finisher | None = None

    def adopt_resource(self, attributes: Mapping[str, object]) -> None:
        """Take over the resource of the app's own tracer provider."""
        self._resource = attributes
        if self._finisher is not None:
            self._finisher.adopt_resource(attributes)

    def forget_process(self) -> None:
        """Describe the process anew, in a forked child."""
        if self._finisher is not None:
            self._finisher.forget_process()

    def finish(
        self, batch: Sequence[Call | Step], *, encode: bool, drops: Mapping[str, int]
    ) -> tuple[bytes, int]:
        """See ``Finisher.finish``. One thread at a time."""
        if self._finisher is None:
            self._finisher = self._made()
        return self._finisher.finish(batch, encode=encode, drops=drops)

    def results(self) -> Iterator[tuple[bytes, int]]:
        """See ``Finisher.results``."""
        return iter(()) if self._finisher is None else self._finisher.results()

    def _made(self) -> Finisher:
        from llmtrace.instrument.finish import Finisher  # noqa: PLC0415  # what this file is for

        made = Finisher(self._settings, patterns=self._patterns, redact=self._redact)
        if self._resource is not None:
            made.adopt_resource(self._resource)
        return made
