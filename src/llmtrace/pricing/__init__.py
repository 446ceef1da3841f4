"""What a call cost: ``PriceBook`` puts prices on ``TokenUsage``, exactly, and says whence they are.

Light: the price list (genai-prices, 0.3 to 0.6 s to import) is loaded at the first call that needs
it, PyYAML only if the user wrote a price file. Counting tokens is not done here but in ``usage``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from llmtrace.errors import PriceFileError
from llmtrace.pricing.book import PriceBook
from llmtrace.pricing.calculate import list_cost
from llmtrace.pricing.overrides import load_overrides
from llmtrace.pricing.own_prices import Overrides
from llmtrace.pricing.regions import region_of
from llmtrace.pricing.unit_prices import PriceSchedule, UnitPrices
from llmtrace.pricing.updates import installed_prices

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.config import Settings

__all__ = [
    "DEFAULT_FILE",
    "Overrides",
    "PriceBook",
    "PriceSchedule",
    "UnitPrices",
    "list_cost",
    "load_overrides",
    "load_price_book",
    "price_file",
    "region_of",
]

logger = logging.getLogger(__name__)

DEFAULT_FILE: Final = "prices.yaml"
"""Name of the user's price file in the home folder."""


def price_file(settings: Settings) -> Path | None:
    """Return the price file that ``settings`` means; None if none is named and none is there."""
    if settings.prices_file is not None:
        return settings.prices_file
    default = settings.home / DEFAULT_FILE
    return default if default.is_file() else None


def load_price_book(settings: Settings) -> PriceBook:
    """Make a price book with the user's overrides and price list, if there are any.

    The list is that of ``llmtrace prices update``; a damaged one gives a warning and the bundled
    list. Nothing is fetched. Raises PriceFileError if the user's file is wrong or a named one is
    missing, MissingExtraError if there is a file but no PyYAML. ``PriceBook()`` is the book without
    either.
    """
    path = price_file(settings)
    try:
        installed = installed_prices(settings.home)
    except PriceFileError as error:
        logger.warning("the bundled prices are used: %s", error)
        installed = None
    return PriceBook(None if path is None else load_overrides(path), installed)
