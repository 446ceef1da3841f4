"""How right llmtrace is on recorded provider traffic: tokens, prices, stated costs, by provider.

    python benchmarks/accuracy.py            # print the page
    python benchmarks/accuracy.py --write    # write it to docs/accuracy.md

The recordings are not part of the repository; LLMTRACE_WIRE names their folder. Without them there
is nothing to measure, and the page stays as it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that this file can be run by its name

# These need the path above.
from benchmarks.recordings.exchanges import FOLDER  # noqa: E402
from benchmarks.recordings.page import measure, render  # noqa: E402

PAGE = ROOT / "docs" / "accuracy.md"


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    if FOLDER is None:
        print("no recordings: set LLMTRACE_WIRE to their folder")
        return
    page = render(measure())
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    else:
        print(page, end="")


if __name__ == "__main__":
    main()
