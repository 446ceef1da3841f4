"""docs/integrations.md names every integration there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from llmtrace.instrument.integrations import INTEGRATIONS

PAGE = (Path(__file__).parents[1] / "docs" / "integrations.md").read_text()


def test_every_integration_is_on_the_page() -> None:
    in_tables = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    structure = PAGE.partition("## Frameworks")[2].partition("##")[0]
    frameworks = set(re.findall(r"`(\w+)`", structure))

    assert in_tables | frameworks == set(INTEGRATIONS)
