"""``llmtrace.instrument()``: watch the LLM SDKs that this process uses.

The user's program is the host here: nothing raises into it, blocks it, prints, or changes what a
call returns. SDKs are not imported; a hook patches each when the app imports it.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, cast

import wrapt

from llmtrace.callable_module import make_callable
from llmtrace.config import Settings, load_settings
from llmtrace.instrument import guard, live, runtime
from llmtrace.instrument.deferred import DeferredFinisher
from llmtrace.instrument.integrations import INTEGRATIONS, WOKEN_BY
from llmtrace.instrument.pipeline import Pipeline
from llmtrace.instrument.recorder import Recorder

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.trace import TracerProvider

    from llmtrace.errors import ConfigError

logger = logging.getLogger("llmtrace")

_lock = threading.Lock()
_hooked: set[str] = set()
_undo: dict[str, Callable[[], None]] = {}


def instrument(  # noqa: PLR0913  # the documented one-line interface; all optional
    *names: str,
    tracer_provider: TracerProvider | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    capture_content: Literal["redacted", "full", "none"] | None = None,
    service_name: str | None = None,
    environment: str | None = None,
    sample_ratio: float | None = None,
    home: str | os.PathLike[str] | None = None,
    redact: Callable[[str], str] | None = None,
    redact_patterns: Sequence[tuple[str, str]] = (),
    **settings: object,
) -> None:
    """Record every LLM call that this process makes, from now on.

    ``names`` are integrations (``"openai"``, ``"anthropic"``); none means all. Without
    ``endpoint`` spans go to the spool in ``home``; with it (or OTLP environment variables) to that
    OTLP/HTTP endpoint. With ``tracer_provider`` they go to that provider alone and nothing else is
    set up. ``capture_content`` is ``redacted`` (default), ``full`` (only secrets taken out) or
    ``none``; ``redact_patterns`` are (kind, regular expression) pairs and ``redact`` a function
    from text to text, both applied on top. ``sample_ratio`` is 0 to 1. ``settings`` are any other
    row of the settings table. A second call replaces the settings and patches nothing twice.

    Never raises: a wrong argument or variable is logged as an error and the default taken.
    """
    try:
        arguments = {
            "endpoint": endpoint,
            "headers": headers,
            "capture_content": capture_content,
            "service_name": service_name,
            "environment": environment,
            "sample_ratio": sample_ratio,
            "home": home,
            **settings,
        }
        chosen = _settings(arguments)
        if chosen.disabled:
            return
        integrations = _integrations(names)
        finisher = DeferredFinisher(chosen, patterns=_patterns(redact_patterns), redact=redact)
        with _lock:
            _replace(chosen, integrations, finisher, tracer_provider)
    except Exception:  # noqa: BLE001  # the app starts, uninstrumented
        guard.fault("instrument")


def uninstrument() -> None:
    """Stop recording, write what waits, and put the SDKs' functions back."""
    with _lock:
        recorder, runtime.active = runtime.active, None
        for undo in _undo.values():
            undo()
        _undo.clear()
        if recorder is not None:
            recorder.pipeline.close()


def flush(timeout_s: float = 5.0) -> bool:
    """Wait until every call so far is written (with an endpoint: accepted); False if it was not."""
    recorder = runtime.active
    return recorder is None or recorder.pipeline.flush(timeout_s)


def patched() -> tuple[str, ...]:
    """Return the SDK modules that are patched now, for ``llmtrace doctor``."""
    return tuple(sorted(_undo))


def _replace(
    settings: Settings,
    integrations: frozenset[str],
    finisher: DeferredFinisher,
    tracer_provider: TracerProvider | None,
) -> None:
    before = runtime.active
    live.forget()
    pipeline = Pipeline(settings, finisher, stores=tracer_provider is None)
    runtime.active = Recorder(settings, integrations, pipeline, tracer_provider)
    for name in integrations:
        for module in WOKEN_BY[name]:
            _hook(module, name)
    if before is not None:
        before.pipeline.close()


def _hook(module: str, name: str) -> None:
    """Have the integration ``name`` patch ``module``, now or as soon as the app imports it."""

    def on_import(imported: object) -> None:
        if runtime.active is None or module in _undo:
            return
        try:
            _undo[module] = INTEGRATIONS[name].hooks[module](imported)
        except Exception:  # noqa: BLE001  # the SDK works on, unobserved
            guard.fault(f"patch {module}")

    if module in _hooked:
        imported = _imported(module)
        if imported is not None:
            on_import(imported)
        return
    _hooked.add(module)
    wrapt.register_post_import_hook(on_import, module)


def _imported(module: str) -> object | None:
    import sys  # noqa: PLC0415  # read at the moment of asking

    return sys.modules.get(module)


def _settings(arguments: dict[str, object]) -> Settings:
    """Load the settings; one wrong value must not take the others, or the app, with it."""

    def report(error: ConfigError) -> None:
        logger.error("llmtrace: %s; the default is used", error)

    return load_settings(None, on_error=report, **arguments)


def _integrations(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in INTEGRATIONS:
            import difflib  # noqa: PLC0415  # only on the way to an error

            near = difflib.get_close_matches(name, INTEGRATIONS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(INTEGRATIONS)}"
            logger.error("llmtrace has no integration %r; %s", name, hint)
    return frozenset(names or INTEGRATIONS) & frozenset(INTEGRATIONS)


def _patterns(patterns: object) -> list[tuple[str, str]]:
    """Return the patterns that can be used; each other one is logged with the reason."""
    sound: list[tuple[str, str]] = []
    if not isinstance(patterns, Iterable):
        logger.error("llmtrace: redact_patterns=%r: write a list of (kind, pattern)", patterns)
        return sound
    for item in cast("Iterable[object]", patterns):
        try:
            kind, pattern = cast("tuple[str, str]", item)
            re.compile(pattern)
        except (TypeError, ValueError, re.error) as error:
            logger.error("llmtrace: item %r of redact_patterns is left out: %s", item, error)  # noqa: TRY400  # one line is enough
        else:
            sound.append((str(kind), pattern))
    return sound


make_callable(__name__, instrument)
