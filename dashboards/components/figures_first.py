"""Lets a browser draw a page's figures before the charts that follow them.

What reaches it together it draws together, and a chart of a week by hour takes it a tenth of a
second: figures that were ready at once would be seen no sooner than that.
"""

from __future__ import annotations

import time
from typing import Final

_MOMENT_S: Final = 0.03
"""Streamlit's browser side gathers for 10 ms what it draws at once; then it has to draw."""


def figures_first() -> None:
    """Wait for a moment, in which what follows can be asked for; called after the figures."""
    time.sleep(_MOMENT_S)
