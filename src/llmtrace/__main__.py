"""``python -m llmtrace`` and the ``llmtrace`` script: hand over to the CLI, or say what lacks."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit 2 with one line if the server packages are not installed."""
    try:
        from llmtrace.cli import run  # noqa: PLC0415  # the CLI needs packages that the core does not
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "llmtrace":
            raise
        sys.stderr.write(
            f"llmtrace: the command line needs {error.name!r}, which is not installed; "
            "type: pip install 'llmtrace-toolkit[all]'\n"
        )
        raise SystemExit(2) from None
    run()


if __name__ == "__main__":
    main()
