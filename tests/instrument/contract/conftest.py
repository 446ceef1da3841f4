"""Every contract test runs for each API that it is about."""

from __future__ import annotations

from tests.instrument.contract.apis import APIS, SPEAKING


def pytest_generate_tests(metafunc):  # noqa: ANN001, ANN201  # pytest's own hook
    """Give ``api`` (all of them) and ``speaking`` (those that answer in text)."""
    for name, values in (("api", APIS), ("speaking", SPEAKING)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=[value.wire for value in values])
