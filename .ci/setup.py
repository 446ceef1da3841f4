"""Set up this clone on a machine that has Python 3.11 and nothing else. Needs no root.

``python3 .ci/setup.py env`` makes ``.venv`` from ``uv.lock`` and gets uv for that if there is none;
``python3 .ci/setup.py browser`` finds Chromium or, on Debian and its kin, gets one. Everything
lands in ``.tools/`` and ``.venv/``; the system is not changed, and deleting both undoes it.
A second run only compares a stamp. Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
UV = TOOLS / "bin" / "uv"
CHROMIUM = TOOLS / "bin" / "chromium"
ENV_STAMP = TOOLS / "env.stamp"

OLDEST_PYTHON = (3, 11)
OLDEST_UV = (0, 9)  # reads this lock file's revision
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetupError(Exception):
    """Something could not be had; the message says what to install by hand."""


def main(arguments: list[str]) -> int:
    """Run the step that is named; return the exit code."""
    steps = {"env": set_up_environment, "browser": set_up_browser}
    if len(arguments) != 1 or arguments[0] not in steps:
        print(f"usage: python3 .ci/setup.py {'|'.join(steps)}", file=sys.stderr)
        return 2
    try:
        with one_at_a_time():
            steps[arguments[0]]()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def say(text: str) -> None:
    """Tell the person what takes the time."""
    print(f"setup: {text}", flush=True)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep two makes in one clone from treading on each other."""
    (TOOLS / "bin").mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another make in this folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command quietly and return its output; raise SetupError with all of it if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        shown = " ".join(str(part) for part in command)
        raise SetupError(f"`{shown}` failed:\n{done.stdout.strip()}")
    return done.stdout


# --- the environment ------------------------------------------------------------------------


def set_up_environment() -> None:
    """Make ``.venv`` hold exactly what ``uv.lock`` says."""
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(
            f"python3 is {sys.version.split()[0]}, and llmtrace needs 3.11 or newer; "
            "type: make PYTHON=python3.11 …"
        )
    wanted = fingerprint()
    interpreter = ROOT / ".venv" / "bin" / "python"
    if ENV_STAMP.is_file() and ENV_STAMP.read_text() == wanted and interpreter.exists():
        return
    uv = find_uv() or install_uv()
    link(UV, uv)
    say("filling .venv from uv.lock (first run, or the lock changed)")
    run(uv, "sync", "--locked", "--all-extras", "--python", base_python(), env=uv_environment())
    ENV_STAMP.write_text(wanted)


def fingerprint() -> str:
    """Return what ``.venv`` depends on: the files that describe it, this Python and this place."""
    digest = hashlib.sha256(f"{ROOT} {base_python()} {sys.version}".encode())
    for name in ("uv.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def base_python() -> str:
    """Return the interpreter itself, also when this runs inside somebody's virtual environment."""
    return getattr(sys, "_base_executable", None) or sys.executable


def uv_environment() -> dict[str, str]:
    """Return settings that make uv the same for everyone, whatever their shell holds."""
    chosen = {
        "UV_PROJECT_ENVIRONMENT": ".venv",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }
    home = os.environ.get("HOME", "")
    if "UV_CACHE_DIR" not in os.environ and not (home and os.access(home, os.W_OK)):
        chosen["UV_CACHE_DIR"] = str(TOOLS / "uv-cache")
    return chosen


def find_uv() -> Path | None:
    """Return a uv that is new enough, or None."""
    for found in (shutil.which("uv"), TOOLS / "uv" / "bin" / "uv"):
        if found is None or not Path(found).exists():
            continue
        with contextlib.suppress(SetupError, ValueError, IndexError):
            version = run(found, "--version").split()[1]
            if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_UV:
                return Path(found)
    return None


def install_uv() -> Path:
    """Install uv into ``.tools/uv`` with the first pip that works, and return it."""
    say("installing uv into .tools (first run only)")
    oldest = ".".join(map(str, OLDEST_UV))
    target = TOOLS / "uv"
    problems: list[str] = []
    for find_pip in (pip_of_python, pip_of_new_venv, pip_of_debian):
        shutil.rmtree(target, ignore_errors=True)
        try:
            run(
                *find_pip(),
                *("install", "--quiet", "--no-cache-dir", "--target", target, f"uv>={oldest}"),
                # What a person set for their own pip must not bend this one.
                env={"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"},
            )
        except SetupError as error:
            problems.append(str(error))
            continue
        return target / "bin" / "uv"
    raise SetupError(
        "cannot get uv; install it (or python3-venv, or pip) and run make again. Tried:\n"
        + "\n".join(problems)
    )


def pip_of_python() -> list[str | Path]:
    """Return the pip that came with this Python."""
    run(sys.executable, "-m", "pip", "--version")
    return [sys.executable, "-m", "pip"]


def pip_of_new_venv() -> list[str | Path]:
    """Return the pip of a fresh virtual environment, for a Python that hides its own."""
    place = TOOLS / "bootstrap"
    run(sys.executable, "-m", "venv", "--clear", place)
    return [place / "bin" / "python", "-m", "pip"]


def pip_of_debian() -> list[str | Path]:
    """Return the pip wheel of Debian's package, unpacked here: its Python has neither of these."""
    place = TOOLS / "pip"
    unpack_packages(place, ["python3-pip-whl"])
    for wheel in place.glob("usr/share/python-wheels/pip-*.whl"):
        return [sys.executable, wheel / "pip"]
    raise SetupError("Debian's python3-pip-whl holds no pip wheel")


# --- the browser ----------------------------------------------------------------------------


def set_up_browser() -> None:
    """Put a Chromium at ``.tools/bin/chromium``; without one the browser tests say so and skip."""
    if CHROMIUM.exists():
        return
    try:
        link(CHROMIUM, find_browser() or install_browser())
    except SetupError as error:
        if os.environ.get("CI") == "true":
            raise
        say(f"NO CHROMIUM, so the browser tests will be skipped. {error}")


def find_browser() -> Path | None:
    """Return the Chromium or Chrome of this machine, or None."""
    named = os.environ.get("LLMTRACE_CHROMIUM")
    names = (named, *BROWSERS) if named else BROWSERS
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found) if found else None


def install_browser() -> Path:
    """Unpack Debian's Chromium and all it lacks here into ``.tools``; return a way to start it."""
    place = TOOLS / "chromium"
    start = place / "start"
    if start.exists():  # the clone was moved, and with it the place that the link names
        return start
    say("getting Chromium for the browser tests into .tools (first run only, ~150 MB)")
    unpack_packages(place, ["chromium", "fonts-dejavu-core"])
    start.write_text(CHROMIUM_START)
    start.chmod(0o755)
    (place / "fonts.conf").write_text(FONTS_CONF)
    run(start, "--version")
    return start


# The libraries lie beside the program instead of where the loader looks for them.
CHROMIUM_START = """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
for folder in "$here"/usr/lib/*-linux-gnu "$here"/lib/*-linux-gnu \\
    "$here"/usr/lib/*-linux-gnu/nss "$here"/usr/lib/*-linux-gnu/pulseaudio; do
    LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
done
export LD_LIBRARY_PATH
export FONTCONFIG_FILE="$here/fonts.conf" XDG_CACHE_HOME="$here/cache"
exec "$here/usr/lib/chromium/chromium" "$@"
"""

FONTS_CONF = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


# --- Debian packages without being root -----------------------------------------------------


def unpack_packages(place: Path, names: list[str]) -> None:
    """Download packages, with what the system lacks of their dependencies, and unpack them."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SetupError(f"no apt-get here; install {', '.join(names)} yourself")
    apt = TOOLS / "apt"
    downloads = place.with_name(f"{place.name}-packages")
    for folder in (apt / "lists" / "partial", downloads / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    options = (
        f"Dir::State::Lists={apt / 'lists'}",
        f"Dir::Cache={apt}",
        f"Dir::Cache::Archives={downloads}",
        "Debug::NoLocking=true",  # the system's locks are root's
        "APT::Sandbox::User=root",  # root would drop to a user that cannot write here
        "APT::Install-Recommends=false",
    )
    apt_get = ("apt-get", "--quiet", "--yes", *(f"--option={option}" for option in options))
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    run(*apt_get, "update", env=quiet)
    run(*apt_get, "install", "--download-only", *names, env=quiet)
    shutil.rmtree(place, ignore_errors=True)
    for package in sorted(downloads.glob("*.deb")):
        run("dpkg-deb", "--extract", package, place)
    shutil.rmtree(downloads)


def link(name: Path, target: Path) -> None:
    """Make ``name`` a symbolic link to ``target``, whatever it was before."""
    name.unlink(missing_ok=True)
    name.symlink_to(target)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
