"""Keeps the search for cyclic garbage short, while which nobody else's page is drawn.

Half a million objects of Streamlit, pandas and pyarrow are never garbage, and looking through them
takes a tenth of a second. Streamlit would do so after every run (``runner.postScriptGC``).
"""

from __future__ import annotations

import gc
import sys

_known = 0


def spare_imported() -> None:
    """Leave what has been imported until now out of the search, if that is more than before."""
    global _known  # noqa: PLW0603  # of the process, as modules are
    if len(sys.modules) == _known:
        return
    _known = len(sys.modules)
    gc.freeze()
