"""llmtrace: what your LLM calls cost, how they behave, and for whom.

``llmtrace.instrument()`` is all an app needs. Everything here is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmtrace.instrument import flush, instrument, uninstrument
    from llmtrace.instrument.attribution import attribute
    from llmtrace.instrument.steps import trace
    from llmtrace.replay import replay
    from llmtrace.store.connect import connect
    from llmtrace.version import VERSION as __version__  # noqa: N811  # the name that tools look for

__all__ = [
    "__version__",
    "attribute",
    "connect",
    "flush",
    "instrument",
    "replay",
    "trace",
    "uninstrument",
]

_HOMES = {
    "__version__": ("llmtrace.version", "VERSION"),
    "attribute": ("llmtrace.instrument.attribution", "attribute"),
    "connect": ("llmtrace.store.connect", "connect"),
    "flush": ("llmtrace.instrument", "flush"),
    "instrument": ("llmtrace.instrument", "instrument"),
    "replay": ("llmtrace.replay", "replay"),
    "trace": ("llmtrace.instrument.steps", "trace"),
    "uninstrument": ("llmtrace.instrument", "uninstrument"),
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llmtrace' has no attribute {name!r}")
    import importlib  # noqa: PLC0415  # a lazy module imports lazily

    module, attribute_name = home
    value = getattr(importlib.import_module(module), attribute_name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
