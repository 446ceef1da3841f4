"""tiktoken's count of a model's tokens, where it can be had without a network.

tiktoken downloads an encoding at its first use, and again if the file it kept is damaged. llmtrace
fetches nothing: an encoding is used only if the app has loaded it already, or if its file is where
tiktoken looks for it and is the file that tiktoken expects. Else there is no tokenizer, and
``estimate`` counts characters.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_FILES: Final = {
    # encoding → SHA-256 of its file, as tiktoken_ext/openai_public.py expects it
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
}
_SAME_FILE: Final = {"o200k_harmony": "o200k_base", "p50k_edit": "p50k_base"}
_URL: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


@lru_cache(maxsize=64)
def token_counter(model: str | None) -> Callable[[str], int] | None:
    """Return tiktoken's counter for ``model``; None if it is not at hand. Never raises."""
    if model is None or importlib.util.find_spec("tiktoken") is None:
        return None
    try:
        tiktoken: Any = importlib.import_module("tiktoken")
        name = tiktoken.encoding_name_for_model(model)
        if not _is_at_hand(name):
            return None
        encoding: Any = tiktoken.get_encoding(name)
    except Exception:  # noqa: BLE001  # a foreign library: an unknown model, or another version
        logger.debug("no tiktoken encoding for %s", model)
        return None

    def count(text: str) -> int:
        return len(cast("list[int]", encoding.encode(text, disallowed_special=())))

    return count


def _is_at_hand(name: str) -> bool:
    """Say whether tiktoken can give an encoding without fetching it."""
    loaded: Any = importlib.import_module("tiktoken.registry").ENCODINGS
    if name in loaded:
        return True
    name = _SAME_FILE.get(name, name)
    folder = _cache_folder()
    if folder is None or name not in _FILES:
        return False
    # tiktoken names the file so; it guards nothing
    key = hashlib.sha1(_URL.format(name).encode(), usedforsecurity=False).hexdigest()
    try:
        content = (folder / key).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == _FILES[name]


def _cache_folder() -> Path | None:
    """Return where the installed tiktoken keeps its files; None if it was told to keep none."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        folder = os.environ.get(variable)  # noqa: TID251  # tiktoken's setting, read as it reads it
        if folder is not None:
            return Path(folder) if folder else None
    load = importlib.import_module("tiktoken.load")
    newer = getattr(load, "_default_cache_dir", None)
    return Path(newer()) if newer is not None else Path(tempfile.gettempdir(), "data-gym-cache")
