"""TLS for both receivers, with a certificate made here; wrong files are told before it listens."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from llmtrace.collector import Collector
from llmtrace.collector.tls import load_tls
from llmtrace.config import load_settings
from llmtrace.errors import ConfigError
from llmtrace.store import open_store
from llmtrace.store.discovery import find_collector
from llmtrace.store.http_connection import connection_to
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def a_pair(folder: Path, name: str, passphrase: bytes | None = None) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encryption = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase)
    )
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    return certificate_path, key_path


def test_both_receivers_encrypt_and_readers_know_the_certificate(tmp_path: Path) -> None:
    certificate, key = a_pair(tmp_path, "server")
    home = tmp_path / "home"
    home.mkdir()
    settings = load_settings({}, home=home)

    with Collector(settings, port=0, grpc_port=0, tls=load_tls(certificate, key)) as collector:
        post = urllib.request.Request(  # noqa: S310  # our own collector
            f"{collector.url}/v1/traces",
            request(span(1)),
            {"Content-Type": "application/x-protobuf"},
        )
        trusting = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(post, timeout=20, context=trusting) as answer:  # noqa: S310  # as above
            assert answer.status == 200
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(collector.grpc_url or "", credentials) as channel:
            channel.unary_unary(TRACES)(request(span(2)), timeout=20)
        store = open_store(home)
        store.refresh()

        assert collector.url.startswith("https://127.0.0.1:")
        assert store.where == f"collector {collector.url}"
        assert store.sql("from llm_calls").num_rows == 2


def test_a_reader_does_not_talk_to_another_certificate(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tls = load_tls(*a_pair(tmp_path, "server"))

    with Collector(load_settings({}, home=home), port=0, tls=tls):
        assert find_collector(home) is not None
        published = json.loads((home / "collector.json").read_text())
        published["certificate_sha256"] = "0" * 64
        (home / "collector.json").write_text(json.dumps(published))

        assert find_collector(home) is None


def test_a_token_is_not_sent_to_a_stranger(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tls = load_tls(*a_pair(tmp_path, "server"))

    with Collector(load_settings({}, home=home), port=0, tls=tls) as collector:
        connection = connection_to(collector.url, "0" * 64, timeout_s=20)
        with pytest.raises(ssl.SSLError, match="another certificate"):
            connection.request("GET", "/status", headers={"Authorization": "Bearer secret"})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    certificate, _ = a_pair(tmp_path, "a")

    with pytest.raises(ConfigError, match=r"--tls-key .*none\.key: No such file"):
        load_tls(certificate, tmp_path / "none.key")


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    certificate, _ = a_pair(tmp_path, "a")
    _, other = a_pair(tmp_path, "b")

    with pytest.raises(ConfigError, match="is not the key of --tls-cert"):
        load_tls(certificate, other)


def test_a_key_with_a_passphrase_is_told_without_asking_for_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without a passphrase"):
        load_tls(*a_pair(tmp_path, "a", b"secret"))


def test_files_that_are_no_pem_are_told(tmp_path: Path) -> None:
    certificate, key = a_pair(tmp_path, "a")
    (tmp_path / "junk").write_bytes(b"\xff junk")

    with pytest.raises(ConfigError, match="holds no PEM certificate"):
        load_tls(tmp_path / "junk", key)
    with pytest.raises(ConfigError, match="cannot be used"):
        load_tls(certificate, tmp_path / "junk")


def test_one_without_the_other_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmtrace", "collector", "--home", str(tmp_path), "--tls-cert", "x"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "--tls-cert and --tls-key go together" in done.stderr
