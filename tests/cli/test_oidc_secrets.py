"""What is missing from Streamlit's [auth] table is said with file and key, and without a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.cli.oidc_secrets import DEFAULT, load_auth, providers
from llmtrace.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "canary-of-a-secret-that-nobody-may-see"
GOOD = f"""[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "llmtrace"
client_secret = "{SECRET}"
server_metadata_url = "https://id.example/.well-known/openid-configuration"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("home", "user", "here"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secrets.toml").write_text(text)


def test_the_homes_file_comes_before_streamlits_places(home: Path) -> None:
    write(home.parent / "user" / ".streamlit", GOOD.replace("llmtrace", "of the user"))
    assert load_auth(home)["client_id"] == "of the user"
    write(home.parent / "here" / ".streamlit", GOOD.replace("llmtrace", "of here"))
    assert load_auth(home)["client_id"] == "of here"
    write(home, "other = 1")
    assert load_auth(home)["client_id"] == "of here"
    write(home, GOOD)
    assert load_auth(home)["client_id"] == "llmtrace"


def test_no_table_at_all_says_where_it_was_looked_for(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs a table \[auth\].*home/secrets\.toml.*client_id"):
        load_auth(home)


@pytest.mark.parametrize(
    "key",
    ["redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"],
)
def test_each_missing_key_is_named(home: Path, key: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(key)]
    write(home, "\n".join(lines))

    with pytest.raises(ConfigError, match=rf"secrets\.toml: \[auth\] has no {key}") as told:
        load_auth(home)

    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (f'cookie_secret = "{SECRET}"', 'cookie_secret = "short"', "shorter than 32"),
        ("/oauth2callback", "/callback", "redirect_uri is not"),
        ("http://localhost", "localhost", "redirect_uri is not"),
        ('client_id = "llmtrace"', "client_id = 7", "has no client_id"),
        (f'client_secret = "{SECRET}"', f"client_secret = {SECRET}", "is not TOML: .at line 5"),
    ],
)
def test_what_is_wrong_is_said_without_a_secret(
    home: Path, before: str, after: str, said: str
) -> None:
    write(home, GOOD.replace(before, after))

    with pytest.raises(ConfigError, match=said) as told:
        load_auth(home)

    assert "canary" not in str(told.value)


def test_named_providers_are_found_and_checked(home: Path) -> None:
    shared = "\n".join(GOOD.splitlines()[:3])
    named = "\n".join(["", "[auth.okta]", *GOOD.splitlines()[3:]])
    write(home, shared + named)
    auth = load_auth(home)
    assert providers(auth) == ["okta"]
    assert providers({**auth, "client_id": "also"}) == [DEFAULT, "okta"]

    write(home, shared + named.replace("okta", "my_okta"))
    with pytest.raises(ConfigError, match="no provider with _ in its name"):
        load_auth(home)
    write(home, shared + named.replace("client_id", "id"))
    with pytest.raises(ConfigError, match=r"\[auth\.okta\] has no client_id"):
        load_auth(home)
    write(home, shared)
    with pytest.raises(ConfigError, match="names no provider"):
        load_auth(home)
