"""The start of a stand-in's runtime: what a wrapper gets, and what is said of one that is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.live import REPOSITORY

SCRIPTS = ("python", "nodejs")


def start(script: str, version: str, wrapper: str, folder: Path) -> tuple[int, str]:
    """Its exit status, and what it printed."""
    text = (REPOSITORY / "runtimes" / script / "bootstrap").read_text()
    (folder / "start").write_text(text.replace("@VERSION@", version))
    done = subprocess.run(
        ["sh", str(folder / "start")],
        env={"AWS_LAMBDA_EXEC_WRAPPER": wrapper, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_wrapper_gets_the_interpreters_command(script: str, tmp_path: Path) -> None:
    wrapper = tmp_path / "a wrapper"
    wrapper.write_text('#!/bin/sh\necho "$1"\n')
    wrapper.chmod(0o755)

    code, said = start(script, "20", str(wrapper), tmp_path)

    assert (code, said.rstrip("0123456789\n")) == (0, "/var/lang/bin/" + script.removesuffix("js"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_wrapper_that_is_missing_is_told_in_awss_words(script: str, tmp_path: Path) -> None:
    told = start(script, "20", "/var/task/nowhere", tmp_path)

    assert told == (127, "/var/task/nowhere: does not exist\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_wrapper_that_is_no_program_is_told_in_awss_words(script: str, tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o644)

    told = start(script, "20", str(wrapper), tmp_path)

    assert told == (126, f"{wrapper}: is not an executable\n")
