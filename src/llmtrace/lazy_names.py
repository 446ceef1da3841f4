"""Names of a package that are loaded when they are first asked for.

Who needs a light module of a package (where the collector is, say) need not load the heavy ones.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``; ``homes`` names the module of each of its names."""

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home), name)
        # The next one who asks finds it without us.
        setattr(sys.modules[package], name, value)
        return value

    return load
