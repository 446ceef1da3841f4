"""tiktoken is used only if nothing has to be fetched for it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.usage import tokenizer
from llmtrace.usage.tokenizer import token_counter

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("tiktoken", reason="tiktoken is not installed")

_CL100K = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give tiktoken an empty folder and nothing loaded; nothing may be fetched in any test."""
    from tiktoken import load, registry  # not installed everywhere

    fetched: list[str] = []

    def fetch(blobpath: str) -> bytes:
        fetched.append(blobpath)
        raise OSError(blobpath)

    monkeypatch.setattr(load, "read_file", fetch)
    monkeypatch.setattr(registry, "ENCODINGS", {})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    token_counter.cache_clear()
    yield
    token_counter.cache_clear()
    assert fetched == []


def _encodings() -> Path:
    """A folder with real encodings, which llama-index brings along."""
    found = importlib.util.find_spec("llama_index.core")
    folder = (
        Path(found.origin).parent / "_static/tiktoken_cache" if found and found.origin else None
    )
    if folder is None or not (folder / _CL100K).is_file():
        pytest.skip("no encoding file on this machine: install llama-index-core")
    return folder


def test_an_encoding_that_would_have_to_be_fetched_is_not_used(tmp_path: Path) -> None:
    assert token_counter("gpt-4") is None
    assert list(tmp_path.iterdir()) == []


def test_an_encoding_whose_file_is_there_is_used(tmp_path: Path) -> None:
    shutil.copy(_encodings() / _CL100K, tmp_path)

    count = token_counter("gpt-4")

    assert count is not None
    assert count("hello world") == 2
    assert count("<|endoftext|>") > 0


def test_a_damaged_file_is_neither_used_nor_removed_nor_fetched_again(tmp_path: Path) -> None:
    (tmp_path / _CL100K).write_bytes(b"damaged")

    assert token_counter("gpt-4") is None
    assert (tmp_path / _CL100K).read_bytes() == b"damaged"


def test_an_encoding_that_the_app_has_loaded_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken import registry  # not installed everywhere

    class _Encoding:
        def encode(self, text: str, *, disallowed_special: tuple[()]) -> list[int]:
            return list(range(len(text.split()) + len(disallowed_special)))

    monkeypatch.setattr(registry, "ENCODINGS", {"o200k_base": _Encoding()})

    count = token_counter("gpt-4o")

    assert count is not None
    assert count("one two") == 2


@pytest.mark.parametrize("model", [None, "", "claude-opus-4-5", "gpt2"])
def test_a_model_that_is_unknown_or_has_another_kind_of_file_has_no_tokenizer(
    model: str | None,
) -> None:
    assert token_counter(model) is None


def test_a_folder_that_is_switched_off_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")

    assert token_counter("gpt-4") is None


def test_without_a_setting_the_folder_is_the_installed_versions_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tiktoken import load  # not installed everywhere

    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.setattr(load, "_default_cache_dir", lambda: str(tmp_path), raising=False)

    assert tokenizer._cache_folder() == tmp_path


def test_a_tiktoken_that_is_not_as_we_know_it_is_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module: Any = ModuleType("tiktoken")
    module.__spec__ = importlib.util.spec_from_loader("tiktoken", loader=None)
    monkeypatch.setitem(sys.modules, "tiktoken", module)

    assert token_counter("gpt-4") is None
