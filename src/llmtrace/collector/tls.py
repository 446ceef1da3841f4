"""A certificate and its key for both receivers: read and matched before anything listens."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_END: Final = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A pair that fits."""

    certificate: Path
    """PEM; the chain, the server's own certificate first."""
    key: Path
    """PEM, without a passphrase."""
    fingerprint: str
    """SHA-256 of the server's certificate, hex: readers on this machine know it by that."""


def load_tls(certificate: Path, key: Path) -> Tls:
    """Check a pair of PEM files. Raises ConfigError saying which is wrong and why."""
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{option} {path}: {error.strerror}; name a PEM file that this user can read"
            ) from error
    try:
        first = certificate.read_text(encoding="ascii").partition(_END)[0] + _END
        der = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN CERTIFICATE") :])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An empty passphrase: without one OpenSSL would ask on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                f"--tls-key {key} is not the key of --tls-cert {certificate}; name the two that "
                "were made together"
            ) from error
        raise ConfigError(
            f"--tls-cert {certificate} and --tls-key {key} cannot be used "
            f"({error.reason or 'no key without a passphrase in it'}); "
            "both are PEM files, the key without a passphrase"
        ) from error
    except ValueError as error:
        raise ConfigError(f"--tls-cert {certificate} holds no PEM certificate") from error
    return Tls(certificate=certificate, key=key, fingerprint=hashlib.sha256(der).hexdigest())
