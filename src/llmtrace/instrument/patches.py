"""Put wrappers on an SDK's functions and take them off again, exactly.

A wrapper that someone keeps (a bound method cached before ``uninstrument()``) stays harmless: it
passes straight through while nothing is instrumented.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

import wrapt

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("llmtrace")

missing: Final[Counter[str]] = Counter()
"""Functions that an installed SDK does not have, as ``openai: SyncAPIClient.request``."""


def note_missing(integration: str, what: str) -> None:
    """Note that the installed SDK has no ``what``; the first time for an SDK it is logged, too."""
    if not any(known.startswith(f"{integration}:") for known in missing):
        logger.warning(
            "llmtrace does not know this version of %s: it has no %s; calls work, but may be "
            "recorded in part or not at all (`llmtrace doctor` tells what is tested)",
            integration,
            what,
        )
    missing[f"{integration}: {what}"] += 1


class Patch(wrapt.FunctionWrapper):  # pyright: ignore[reportMissingTypeArgument]  # any function
    """A wrapper of ours, told from other tools' wrappers by its type."""


class Undo:
    """A list of patches; calling it takes them off in reverse order."""

    def __init__(self, integration: str) -> None:
        """Start with none; ``integration`` is named where something is missing."""
        self._integration = integration
        self._done: list[tuple[Any, str, Any, Any]] = []

    def wrap(
        self,
        module: Any,
        class_name: str | None,
        function: str,
        wrapper: Any,
        *,
        optional: bool = False,
    ) -> None:
        """Wrap ``module.class_name.function``; note it as missing if the SDK has no such thing."""
        owner = module if class_name is None else getattr(module, class_name, None)
        original = _own(owner, function)
        if original is None:
            if not optional:
                note_missing(self._integration, f"{class_name or module.__name__}.{function}")
            return
        if not _is_patched(original):
            self._put(owner, function, original, wrapper)
        # A tool that came before us may have wrapped what a subclass inherits, and put the result
        # on the subclass, where it hides ours.
        innermost = _chain(original)[-1]
        for subclass in _subclasses(owner):
            copied = _own(subclass, function)
            if copied is not None and not _is_patched(copied) and innermost in _chain(copied):
                self._put(subclass, function, copied, wrapper)

    def _put(self, owner: Any, function: str, original: Any, wrapper: Any) -> None:
        wrapped = Patch(original, wrapper)
        setattr(owner, function, wrapped)
        self._done.append((owner, function, original, wrapped))

    def __call__(self) -> None:
        """Put the originals back; a wrapper that another tool put on top of ours is left alone."""
        for owner, function, original, wrapped in reversed(self._done):
            if _own(owner, function) is wrapped:
                setattr(owner, function, original)
        self._done.clear()


def _own(owner: Any, name: str) -> Any:
    """Return what ``owner`` itself defines under ``name``, not what it inherits; None: nothing."""
    return cast("Mapping[str, Any]", vars(owner)).get(name) if owner is not None else None


def _is_patched(function: Any) -> bool:
    """Return whether our wrapper is already there, perhaps below another tool's."""
    # Whoever reads ``Class.function`` gets a bound copy, and may have put that back in our place.
    layers = _chain(function)
    return any(Patch in (type(each), type(getattr(each, "_self_parent", None))) for each in layers)


def _chain(function: Any) -> list[Any]:
    """Return the function and what it wraps, outermost first."""
    layers: list[Any] = []
    while function is not None:
        layers.append(function)
        function = getattr(function, "__wrapped__", None)
    return layers


def _subclasses(owner: Any) -> list[type]:
    """Return every class derived from ``owner``; none of what is no class."""
    direct: list[type] = type.__subclasses__(owner) if isinstance(owner, type) else []
    return [each for one in direct for each in (one, *_subclasses(one))]
