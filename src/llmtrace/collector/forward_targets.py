"""To whom spans are sent on: the settings → backends, none of which is this collector itself."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmtrace.errors import ConfigError
from llmtrace.otlp.endpoint import shown_url, with_traces_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmtrace.config import Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One backend."""

    name: str
    """Its label in figures and its folder."""
    url: str
    """Of traces, whole."""
    headers: Mapping[str, Secret]

    @property
    def shown(self) -> str:
        """Name and URL for people."""
        return f"{self.name} ({shown_url(self.url)})"


def targets_of(settings: Settings) -> list[Target]:
    """Return the backends that the settings name. Raises ConfigError for headers of none."""
    addresses = settings.forward_to or {}
    headers: dict[str, dict[str, Secret]] = {name: {} for name in addresses}
    for key, value in (settings.forward_headers or {}).items():
        name, separator, header = key.rpartition(":")
        if not separator and len(headers) == 1:
            name = next(iter(headers))
        if name not in headers:
            raise ConfigError(
                f"forward_headers: {key!r} is for no backend of forward_to "
                f"({', '.join(headers) or 'there is none'}); write target:name=value"
            )
        headers[name][header] = value
    return [
        Target(name=name, url=with_traces_path(address), headers=headers[name])
        for name, address in addresses.items()
    ]


def refuse_self(targets: Iterable[Target], host: str, ports: Sequence[int]) -> None:
    """Raise ConfigError if a target is what listens on ``host`` at one of ``ports``.

    A name that cannot be resolved now is let pass: its backend may be down.
    """
    for target in targets:
        parts = urlsplit(target.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if port in ports and any(_listens(host, it) for it in _addresses(parts.hostname, port)):
            raise ConfigError(
                f"forward_to: {target.shown} is this collector itself, spans would go round for "
                "ever; name another backend, or listen on another port"
            )


def _addresses(host: str | None, port: int) -> set[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(entry[4][0]) for entry in found}


def _listens(host: str, address: str) -> bool:
    """Say whether a socket bound to ``host`` gets what is sent to ``address``."""
    bound = {ipaddress.ip_address(each.partition("%")[0]) for each in _addresses(host, 0)}
    wanted = ipaddress.ip_address(address.partition("%")[0])
    if any(each.is_unspecified for each in bound):
        return wanted.is_unspecified or _is_of_this_machine(address)
    # 0.0.0.0 as a destination means this machine, too.
    return wanted in bound or (wanted.is_unspecified and any(each.is_loopback for each in bound))


def _is_of_this_machine(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
