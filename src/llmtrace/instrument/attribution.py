"""Who to charge a call to: ``with llmtrace.attribute(user=…, tenant=…, session=…, feature=…)``.

Kept in the OpenTelemetry context, so it follows ``await`` and nested calls and is restored on exit.
With ``propagate=True`` it also travels as W3C baggage to the next service; not by default, because
baggage is sent to every host that the app calls, the LLM provider included.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, cast

from opentelemetry import context

from llmtrace import semconv
from llmtrace.instrument import guard
from llmtrace.instrument.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

_KEY: Final = context.create_key("llmtrace-attribution")
_BAGGAGE_PREFIX: Final = "llmtrace."
_FIELDS: Final = {
    "user": semconv.USER_ID,
    "tenant": semconv.TENANT,
    "session": semconv.CONVERSATION_ID,
    "feature": semconv.FEATURE,
}

Attribution = dict[str, str]
"""Span attribute name → value. Never changed once made: spans share it."""
NOBODY: Final[Attribution] = {}


class attribute(Scope):  # noqa: N801  # used as a function: with attribute(…), @attribute(…)
    """Charge the calls inside to a user, tenant, session, feature and any tags.

    A context manager and a decorator for functions, coroutines and generators. Nested uses add
    up; the inner one wins per field; ``None`` leaves a field as it is. Values become strings.
    """

    def __init__(
        self,
        *,
        user: object = None,
        tenant: object = None,
        session: object = None,
        feature: object = None,
        propagate: bool = False,
        **tags: object,
    ) -> None:
        """Take the fields; ``tags`` become ``llmtrace.tag.<key>``."""
        super().__init__()
        standard = {
            "user": user,
            "tenant": tenant,
            "session": session,
            "feature": feature,
        }
        named = {_FIELDS[name]: value for name, value in standard.items()}
        named.update({semconv.TAG_PREFIX + key: value for key, value in tags.items()})
        self._given: Attribution = {
            name: text for name, value in named.items() if (text := _text(value)) is not None
        }
        self._propagate = propagate

    def enter_context(self, current: Context) -> tuple[Context, object]:
        """Return ``current`` with our fields on top of what is already attributed."""
        merged = {**current_attribution(current), **self._given}
        changed = context.set_value(_KEY, merged, current)
        if self._propagate:
            from opentelemetry import baggage  # noqa: PLC0415  # few need it

            for name, value in self._given.items():
                changed = baggage.set_baggage(_BAGGAGE_PREFIX + name, value, changed)
        return changed, None


def _text(value: object) -> str | None:
    """Return ``value`` as text; None for None and for what fails to show itself."""
    if value is None:
        return None
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # the app's block runs all the same, without that field
        guard.fault("attribute")
        return None


def in_session(current: Context, session: str) -> Context:
    """Return ``current`` with its calls charged to a session, unless the app has named one."""
    attributed = current_attribution(current)
    if semconv.CONVERSATION_ID in attributed:
        return current
    merged = {**attributed, semconv.CONVERSATION_ID: session}
    return context.set_value(_KEY, merged, current)


def current_attribution(current: Context) -> Mapping[str, str]:
    """Return what is attributed here: set in this process, else what baggage brought."""
    own = current.get(_KEY)
    if own is not None:
        return cast("Attribution", own)
    baggage = sys.modules.get("opentelemetry.baggage")
    if not current or baggage is None:  # what nobody has imported, nobody has put anything into
        return NOBODY
    carried = baggage.get_all(current)
    if not carried:
        return NOBODY
    return {
        name.removeprefix(_BAGGAGE_PREFIX): str(value)
        for name, value in carried.items()
        if name.startswith(_BAGGAGE_PREFIX)
    }
