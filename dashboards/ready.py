"""Loads what pages are made of before somebody opens one, who would wait two seconds for it."""

from __future__ import annotations

import gc
import importlib
import pkgutil
from typing import Final

import dashboards
from dashboards import components
from dashboards.garbage import spare_imported

_LATE: Final = ("pyarrow", "PIL.Image", "streamlit.material_icon_names")
"""What Streamlit imports when the first table, logo or icon is drawn."""
_ENTRY: Final = "dashboards.app"
"""A script, as the pages in ``views`` are: it draws when it is imported."""


def load() -> None:
    """Import all that pages import; from a thread beside the server."""
    for package in (components, dashboards):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not found.ispkg and found.name != _ENTRY:
                importlib.import_module(found.name)
    for name in _LATE:
        importlib.import_module(name)
    gc.collect()
    spare_imported()
