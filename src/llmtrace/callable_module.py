"""Let a package and its main function share a name: ``llmtrace.instrument`` is both.

Importing ``llmtrace.instrument.anything`` makes Python bind the *package* to that name, after which
``llmtrace.instrument()`` would fail depending on what was imported before. A package made callable
works in every order.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def make_callable(module_name: str, function: Callable[..., Any]) -> None:
    """Make calling the module ``module_name`` call ``function``."""

    class CallableModule(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    CallableModule.__call__.__doc__ = function.__doc__
    sys.modules[module_name].__class__ = CallableModule
