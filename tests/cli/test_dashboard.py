"""``llmtrace dashboard``: loopback only, headers that let nothing out, clear refusals."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import ssl
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect as pages_connect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from llmtrace.cli.before_pages import POLICY
from llmtrace.cli.dashboard import command, is_loopback, serve
from llmtrace.cli.up import command as up
from llmtrace.config import Settings
from llmtrace.errors import ConfigError
from llmtrace.resources import bundled
from llmtrace.store.discovery import find_collector
from tests.collector.test_tls import a_pair
from tests.end_to_end.browsing import dashboard

if TYPE_CHECKING:
    from pathlib import Path


def get(url: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}
    finally:
        connection.close()


def test_every_answer_has_the_policy_and_strangers_names_are_refused(tmp_path: Path) -> None:
    with dashboard(tmp_path) as url:
        for path in ("/", "/_stcore/health", "/traces"):
            status, headers = get(url, path)
            assert status == 200
            assert headers["content-security-policy"] == POLICY
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
        status, _ = get(url, "/", Host="evil.example")
        assert status == 400
        socket_url = url.replace("http", "ws", 1) + "/_stcore/stream"
        for origin in ("http://evil.example", "null", "http://["):
            with (
                pytest.raises(InvalidStatus, match="403"),
                connect(socket_url, origin=Origin(origin), open_timeout=60),
            ):
                pass
        for origin in (None, Origin(url), Origin("http://localhost:1")):
            connect(socket_url, origin=origin, open_timeout=60).close()
        # It owns the store while it runs, so that pages need not open the file each time.
        assert find_collector(tmp_path) is not None

    assert find_collector(tmp_path) is None


def test_nothing_but_ourselves_is_allowed_by_the_policy() -> None:
    assert "http" not in POLICY
    assert "*" not in POLICY


def test_streamlit_does_not_ask_the_internet_for_our_address() -> None:
    config = bundled("dashboards") / ".streamlit" / "config.toml"

    # It does in its welcome to who serves all addresses of a machine.
    assert tomllib.loads(config.read_text())["logger"]["hideWelcomeMessage"] is True


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])  # noqa: S104
def test_an_address_that_others_reach_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="nobody would have to sign in"):
        serve(Settings(home=tmp_path), host=host, port=0, opens_browser=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = subprocess.run(
            [sys.executable, "-m", "llmtrace", "dashboard", "--port", str(port), "--no-browser"],
            env={**os.environ, "LLMTRACE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert result.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be listened on" in result.stderr
    assert "Traceback" not in result.stderr


def test_where_people_sign_in_others_may_reach_it_by_tls_and_get_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = a_pair(tmp_path, "pages")
    monkeypatch.setenv("LLMTRACE_DASHBOARD_TOKEN", "a long token of the whole team")
    arguments = ("--host", "0.0.0.0", "--sign-in", "token")  # noqa: S104  # what is tested
    with dashboard(tmp_path, *arguments, "--tls-cert", certificate, "--tls-key", key) as url:
        trusted = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", urlsplit(url).port, timeout=20, context=trusted
        )
        try:
            connection.request("GET", "/cost", headers={"Accept": "text/html", "Host": "llm.test"})
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=%2Fcost")
            assert answer.headers["content-security-policy"] == POLICY
            form = "token=a+long+token+of+the+whole+team"
            connection.request("POST", "/sign-in", form)
            cookie = connection.getresponse().headers["set-cookie"]
            assert "Secure" in cookie
            assert "HttpOnly" in cookie
        finally:
            connection.close()
        socket_url = url.replace("https://0.0.0.0", "wss://127.0.0.1") + "/_stcore/stream"
        with pytest.raises(InvalidStatus, match="403"):
            asyncio.run(run_once(socket_url, trusted, {}))
        shown = asyncio.run(run_once(socket_url, trusted, {"Cookie": cookie.partition(";")[0]}))
    assert "Waiting for the first call" in shown
    assert "Sign out" in shown
    assert "Your session has ended" not in shown


async def run_once(url: str, trusted: ssl.SSLContext, headers: dict[str, str]) -> str:
    """Have Streamlit run the first page, as a browser does; return all it sends.

    In one thread: while one reads and another writes, Python 3.11 may crash in OpenSSL.
    """
    async with pages_connect(
        url, ssl=trusted, additional_headers=headers, max_size=None, open_timeout=60
    ) as pages:
        await pages.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        told: list[str] = []
        async with asyncio.timeout(60):
            async for sent in pages:
                assert isinstance(sent, bytes)
                message = ForwardMsg.FromString(sent)
                told.append(str(message))
                if message.WhichOneof("type") == "script_finished":
                    break
    return "".join(told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sign-in", "token"], "sign-in by token needs one"),
        (["--sign-in", "oidc"], "needs a table [auth] in secrets.toml"),
        (["--host", "0.0.0.0"], "nobody would have to sign in"),  # noqa: S104  # what is tested
        (["--tls-cert", "a.pem"], "both --tls-cert and --tls-key"),
        (["--tls-cert", "a.pem", "--tls-key", "b.pem"], "there is no file a.pem"),
    ],
)
def test_what_lets_nobody_in_or_everybody_is_told_at_once(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(command, [*arguments, "--home", str(tmp_path), "--no-browser"])

    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)


def test_up_serves_nobodys_pages_to_others(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        up, ["--dashboard-host", "0.0.0.0", "--home", str(tmp_path)]  # noqa: S104  # as above
    )  # fmt: skip

    assert isinstance(result.exception, ConfigError)
    assert "nobody would have to sign in" in str(result.exception)
