"""A new virtual environment with the wheel of this checkout, as a user has it after pip install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.parts import missing

_SECONDS = 400


def make_venv(folder: Path, *packages: str) -> Path:
    """The Python of a new environment in `folder`, with the wheel and these packages."""
    folder.mkdir(parents=True, exist_ok=True)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    _run(*build, "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    venv = folder / "venv"
    uv = Path(sys.executable).with_name("uv")  # installs as pip does, in a tenth of the time
    _run(str(uv), "venv", "-q", "--python", sys.executable, str(venv))
    python = venv / "bin" / "python"
    install = [str(uv), "pip", "install", "-q", "--python", str(python), str(wheel), *packages]
    done = subprocess.run(install, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        missing(f"the packages of PyPI: {done.stderr}")
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
