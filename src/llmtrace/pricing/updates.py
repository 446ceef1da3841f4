"""Newer price lists in the home folder: checked when they come, checked again when they are used.

``$LLMTRACE_HOME/prices/<version>.json`` are files in genai-prices' data format, as they came;
``active.json`` beside them says which one is used, with its SHA-256, and which were before it. An
update happens only when somebody asks for it. A file is untrusted: limits on size, the schema,
sane prices and harmless patterns are checked before it is kept; it is data and is never executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from llmtrace.errors import PriceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import ModelPrice, Provider, TieredPrices

FOLDER: Final = "prices"
MAX_BYTES: Final = 32 * 1_048_576
_ACTIVE: Final = "active.json"
_MAX_KEPT: Final = 20
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_MAX_PATTERN: Final = 500
_NESTED_REPEAT: Final = re.compile(r"\([^()]*[+*][^()]*\)[+*{]")
"""A repeat inside a repeat can take for ever on a long name."""
_MAX_PRICE: Final = Decimal(1_000_000)
_LEAST_MODELS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPrices:
    """One price list in the home folder."""

    version: str
    path: Path
    sha256: str
    """Lower-case hex of the file's bytes when it was installed."""


def installed_prices(home: Path) -> InstalledPrices | None:
    """Return the list in use; None if it is the bundled one. Raises PriceFileError."""
    chain = _chain(home)
    return chain[-1] if chain else None


def on_disk_since(home: Path) -> datetime | None:
    """Return when the list in use came to this machine; None if its files do not say.

    Raises PriceFileError.
    """
    installed = installed_prices(home)
    try:
        if installed is not None:
            path = installed.path
        else:
            path = Path(str(metadata.distribution("genai-prices").locate_file("genai_prices")))
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, metadata.PackageNotFoundError):
        return None


def read_installed(installed: InstalledPrices) -> list[Provider]:
    """Return the providers of an installed list. Raises PriceFileError if it is not as it was."""
    raw = _bytes(installed.path)
    if checksum(raw) != installed.sha256:
        raise PriceFileError(
            f"{installed.path}: not the file that was installed (its SHA-256 differs); "
            "type: llmtrace prices update --rollback"
        )
    return parse(raw, str(installed.path))


def checksum(raw: bytes) -> str:
    """Return the SHA-256 of ``raw`` in lower-case hex."""
    return hashlib.sha256(raw).hexdigest()


def install(home: Path, raw: bytes, version: str, *, origin: str) -> InstalledPrices:
    """Keep ``raw`` as ``version`` and use it from now on. Raises PriceFileError, keeping nothing.

    ``origin`` names the file in errors. Only whole files appear: written beside, then renamed.
    """
    if not _VERSION.fullmatch(version):
        raise PriceFileError(
            f"{version[:80]!r} is not a version: letters, digits, '.', '_' and '-', at most 64"
        )
    parse(raw, origin)
    folder = home / FOLDER
    new = InstalledPrices(version=version, path=folder / f"{version}.json", sha256=checksum(raw))
    chain = [each for each in _chain(home) if each.version != version]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(new.path, raw)
        _keep(folder, [*chain, new][-_MAX_KEPT:])
    except OSError as error:
        raise PriceFileError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return new


def roll_back(home: Path) -> InstalledPrices | None:
    """Use the list before the one in use; None if that is the bundled one. Raises PriceFileError.

    The file of the list that was in use stays; installing it again needs no network.
    """
    chain = _chain(home)
    if not chain:
        raise PriceFileError("the bundled prices are in use; there is no update to roll back")
    _keep(home / FOLDER, chain[:-1])
    return chain[-2] if len(chain) > 1 else None


def parse(raw: bytes, origin: str) -> list[Provider]:
    """Return the providers in ``raw``, in genai-prices' format. Raises PriceFileError."""
    if len(raw) > MAX_BYTES:
        raise PriceFileError(f"{origin}: larger than {MAX_BYTES:,} bytes; is it a price list?")
    try:
        payload: object = json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise PriceFileError(f"{origin}: not JSON: {error}") from error
    if not isinstance(payload, list) or not payload:
        raise PriceFileError(f"{origin}: not a price list: it must be a list of providers")
    _refuse_patterns(cast("object", payload), origin)
    # The library's own reader of what its updates fetch; it validates every field.
    from genai_prices.types import _providers_from_raw  # noqa: PLC0415  # pyright: ignore[reportPrivateUsage]

    try:
        providers = _providers_from_raw(payload)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PriceFileError(f"{origin}: not a price list: {first}") from error
    _refuse_prices(providers, origin)
    return providers


def _refuse_patterns(value: object, origin: str) -> None:
    for pattern in _patterns(value):
        if len(pattern) > _MAX_PATTERN or _NESTED_REPEAT.search(pattern):
            raise PriceFileError(f"{origin}: the pattern {pattern[:80]!r} could take for ever")
        try:
            re.compile(pattern)
        except re.error as error:
            raise PriceFileError(f"{origin}: {pattern[:80]!r} is no pattern: {error}") from error


def _patterns(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for key, inner in cast("dict[str, object]", node).items():
                if key == "regex" and isinstance(inner, str):
                    yield inner
                else:
                    waiting.append(inner)
        elif isinstance(node, list):
            waiting.extend(cast("list[object]", node))


def _refuse_prices(providers: list[Provider], origin: str) -> None:
    models = 0
    for provider in providers:
        for model in provider.models:
            models += 1
            prices = [variant.prices for variant in model.price_variants or ()]
            if isinstance(model.prices, list):
                prices.extend(each.prices for each in model.prices)
            else:
                prices.append(model.prices)
            for price in prices:
                for key, number in _numbers(price):
                    if not number.is_finite() or not 0 <= number <= _MAX_PRICE:
                        raise PriceFileError(
                            f"{origin}: {provider.id} {model.id}: {key} is {number}, "
                            f"not between 0 and {_MAX_PRICE:,}"
                        )
    if models < _LEAST_MODELS:
        raise PriceFileError(f"{origin}: there is no model in it")


def _numbers(price: ModelPrice) -> Iterator[tuple[str, Decimal]]:
    fields: dict[str, Decimal | TieredPrices | None] = vars(price)
    for key, value in fields.items():
        if isinstance(value, Decimal):
            yield key, value
        elif value is not None:
            yield key, value.base
            yield from ((key, tier.price) for tier in value.tiers)


def _chain(home: Path) -> list[InstalledPrices]:
    """Return the lists in the order in which they came into use, the one in use last."""
    file = home / FOLDER / _ACTIVE
    if not file.is_file():
        return []
    try:
        told = json.loads(_bytes(file))
        return [
            InstalledPrices(
                version=_checked(each["version"]),
                path=file.with_name(f"{_checked(each['version'])}.json"),
                sha256=str(each["sha256"]),
            )
            for each in told["lists"]
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise PriceFileError(
            f"{file}: not readable ({error}); delete it to use the bundled prices"
        ) from error


def _checked(version: object) -> str:
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is no version")
    return version


def _keep(folder: Path, chain: list[InstalledPrices]) -> None:
    lists = [{"version": each.version, "sha256": each.sha256} for each in chain]
    _write(folder / _ACTIVE, json.dumps({"lists": lists}, indent=1).encode())


def _write(path: Path, raw: bytes) -> None:
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PriceFileError(f"{path}: cannot be read ({why})") from error
    if len(raw) > MAX_BYTES:
        raise PriceFileError(f"{path}: larger than {MAX_BYTES:,} bytes; is it a price list?")
    return raw
