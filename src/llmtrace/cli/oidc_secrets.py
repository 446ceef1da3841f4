"""The ``[auth]`` table of Streamlit's ``secrets.toml``, looked at before anybody signs in.

Streamlit finds out what is missing when the first person clicks; we say it at the start, with the
file and the key, and never a value.
"""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from llmtrace.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALLBACK: Final = "/oauth2callback"
_SHARED: Final = ("redirect_uri", "cookie_secret")
_PROVIDER: Final = ("client_id", "client_secret", "server_metadata_url")
DEFAULT: Final = "default"
"""Streamlit's name for the provider whose keys stand in ``[auth]`` itself."""
_MIN_SECRET: Final = 32


def load_auth(home: Path) -> dict[str, Any]:
    """Return the checked ``[auth]`` table: of the home's file, else of Streamlit's own places.

    Raises ConfigError naming file and key, MissingExtraError without Authlib.
    """
    if any(importlib.util.find_spec(name) is None for name in ("authlib", "httpx")):
        raise MissingExtraError("sign-in by OIDC", "oidc")
    places = [
        home / "secrets.toml",
        Path.cwd() / ".streamlit" / "secrets.toml",
        Path.home() / ".streamlit" / "secrets.toml",
    ]
    for path in places:
        if path.is_file():
            auth = _read(path).get("auth")
            if isinstance(auth, dict):
                found = cast("dict[str, Any]", auth)
                _check(path, found)
                return found
    looked = ", ".join(str(path) for path in places)
    raise ConfigError(
        f"sign-in by OIDC needs a table [auth] in secrets.toml; looked at {looked}; write one with "
        f"{', '.join((*_SHARED, *_PROVIDER))}"
    )


def providers(auth: Mapping[str, object]) -> list[str]:
    """Return the names by which people can sign in; ``default`` if there is but one, in [auth]."""
    named = [name for name, value in auth.items() if _is_provider(value)]
    return [DEFAULT, *named] if any(key in auth for key in _PROVIDER) else named


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}") from None
    except tomllib.TOMLDecodeError as error:
        # Its text tells the place, and no value of the file's.
        raise ConfigError(f"{path} is not TOML: {_place(error)}") from None


def _place(error: tomllib.TOMLDecodeError) -> str:
    text = str(error)
    return text[text.rfind("(at ") :] if "(at " in text else "see its syntax"


def _check(path: Path, auth: Mapping[str, Any]) -> None:
    for key in _SHARED:
        _check_text(path, "auth", key, auth)
    if len(auth["cookie_secret"]) < _MIN_SECRET:
        raise ConfigError(
            f"{path}: [auth] cookie_secret is shorter than {_MIN_SECRET} characters; it signs who "
            "is signed in: write a long random one"
        )
    redirect = urlsplit(str(auth["redirect_uri"]))
    if redirect.scheme not in {"http", "https"} or redirect.path != _CALLBACK:
        raise ConfigError(
            f"{path}: [auth] redirect_uri is not the dashboards' own address and {_CALLBACK}; "
            f"write http://localhost:8501{_CALLBACK}, or how people reach them"
        )
    names = providers(auth)
    if not names:
        raise ConfigError(f"{path}: [auth] names no provider; write {', '.join(_PROVIDER)}")
    for name in names:
        table = auth if name == DEFAULT else auth[name]
        shown = "auth" if name == DEFAULT else f"auth.{name}"
        if "_" in name:
            raise ConfigError(f"{path}: [{shown}]: Streamlit knows no provider with _ in its name")
        for key in _PROVIDER:
            _check_text(path, shown, key, table)


def _check_text(path: Path, table: str, key: str, given: Mapping[str, Any]) -> None:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f'{path}: [{table}] has no {key}; write {key} = "…"')


def _is_provider(value: object) -> bool:
    return isinstance(value, dict) and any(key in value for key in _PROVIDER)
