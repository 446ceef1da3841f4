"""Where a call was served, in its provider's words, from what the call shows of it.

Only what a price can depend on: the host, the path and the usage object. What a region costs is in
``factors``. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from llmtrace.pricing.match import price_provider

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCATION: Final = re.compile(r"/locations/([a-z0-9-]+)(?:/|$)")

_HOSTS: Final = {
    "alibaba": re.compile(r"dashscope(?P<region>-[a-z]+)?\.aliyuncs\.com"),
    "aws": re.compile(r"bedrock[a-z-]*\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\..*"),
    "google": re.compile(
        r"(?:(?P<region>[a-z0-9-]+)-aiplatform|aiplatform\.(?P<multi>[a-z]+)\.rep)\.googleapis\.com"
    ),
    "openai": re.compile(r"(?P<region>[a-z]{2})\.api\.openai\.com"),
    "together": re.compile(r"(?P<region>[a-z]{2})-api\.together\.ai"),
}
"""Hosts that are of one region, by the price list's id of the provider."""

_CHINA: Final = "cn"


def region_of(
    provider: str,
    *,
    host: str | None = None,
    path: str | None = None,
    usage: Mapping[str, object] | None = None,
) -> str | None:
    """Return the region that served a call, as ``PriceBook.price`` takes it; None: not told.

    ``provider`` is OpenTelemetry's name; ``usage`` the provider's own usage object.
    """
    seller = price_provider(provider)
    if seller == "anthropic":
        told = (usage or {}).get("inference_geo")
        return told[:64].lower() if isinstance(told, str) and told else None
    if seller == "google" and path:
        location = _LOCATION.search(path)
        if location:
            return location.group(1)
    pattern = _HOSTS.get(seller)
    found = pattern.fullmatch(host.lower()) if pattern and host else None
    if found is None:
        return None
    region = next((part for part in found.groups() if part), None)
    if seller == "alibaba":
        # Without a region in its name the host is the one in China, whose prices are others.
        return region.removeprefix("-") if region else _CHINA
    return region
