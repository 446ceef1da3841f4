"""Every module has its test: a file of its name in its package's folder, or one that names it."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import PACKAGE, REPOSITORY, name_of

TESTS = REPOSITORY / "tests"
TEXTS = {path: path.read_text() for path in TESTS.rglob("*.py") if "architecture" not in path.parts}
# What means little alone is tested through its package's front door; and where that is done.
TESTED_THROUGH = {
    "llmtrace/cli/demo/": "tests/end_to_end/test_demo.py",
    "llmtrace/cli/report/": "tests/cli/test_report.py",
    "llmtrace/instrument/": "tests/instrument/test_differential.py",
    "llmtrace/otlp/dialects/": "tests/otlp/dialects/test_calls.py",
    "llmtrace/otlp/imports/usage_rows.py": "tests/otlp/imports/test_openai_usage.py",
    "llmtrace/store/confined_child.py": "tests/store/test_confined.py",
    "llmtrace/store/reader_child.py": "tests/store/test_reader_process.py",
    "llmtrace/store/inserting.py": "tests/store/test_writer.py",
    "llmtrace/store/maintenance/": "tests/cli/test_retention.py",
    "llmtrace/store/reading.py": "tests/store/test_home.py",
    "llmtrace/testing/provider/cohere_lookups.py": "tests/instrument/integrations/test_cohere.py",
    "llmtrace/testing/provider/mistral_lookups.py": (
        "tests/instrument/integrations/test_mistralai.py"
    ),
    "llmtrace/testing/provider/rendering.py": "tests/testing/provider/test_local.py",
    "llmtrace/testing/provider/routes.py": "tests/testing/provider/test_local.py",
    "llmtrace/wire/cohere_chat.py": "tests/wire/test_cohere.py",
    "llmtrace/wire/cohere_chat_v1.py": "tests/wire/test_cohere.py",
    "llmtrace/wire/cohere_meta.py": "tests/wire/test_cohere.py",
    "llmtrace/wire/mistral_chat.py": "tests/wire/test_mistral.py",
    "llmtrace/wire/mistral_conversations.py": "tests/wire/test_mistral.py",
    "llmtrace/wire/mistral_media.py": "tests/wire/test_mistral.py",
    "llmtrace/wire/vectors.py": "tests/wire/test_cohere.py",
    "llmtrace/version.py": "tests/architecture/test_public_names.py",
}
MODULES = sorted(
    name_of(path).removeprefix("src/")
    for path in PACKAGE.rglob("*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_test(module: str) -> None:
    folder, _, file = module.removeprefix("llmtrace/").rpartition("/")

    mirror = TESTS / folder / f"test_{file}"

    assert mirror.exists() or imported_by_a_test(module) or module.startswith(tuple(TESTED_THROUGH))


@pytest.mark.parametrize("part", TESTED_THROUGH)
def test_what_is_tested_through_a_front_door_exists_with_its_test(part: str) -> None:
    assert (REPOSITORY / "src" / part).exists()
    assert (REPOSITORY / TESTED_THROUGH[part]).is_file()


def imported_by_a_test(module: str) -> bool:
    """Tell whether a test names the module where it imports."""
    package, _, name = module.removesuffix(".py").replace("/", ".").rpartition(".")
    pattern = re.compile(
        rf"^\s*from {package} import [^#]*\b{name}\b"
        rf"|^\s*from {package} import \((?:[^)]*\b){name}\b"
        rf"|^\s*(?:from|import) {package}\.{name}\b",
        re.MULTILINE,
    )
    return any(pattern.search(text) for text in TEXTS.values())
