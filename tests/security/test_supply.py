"""What is installed and shipped is what was meant: versions and hashes, and who looks at them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from taskdock.base.errors import ImageNotAvailable
from taskdock.base.files import user_folders
from taskdock.engines.standins import debian as archive
from taskdock.engines.standins import packages as ingredients
from taskdock.engines.standins.programs import ARCHITECTURES
from tests.support.checkout import tiny_project
from tests.support.live import REPOSITORY
from tests.support.parts import missing

pytestmark = pytest.mark.long

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
NEEDS = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
BUILD = [Requirement(line) for line in PROJECT["build-system"]["requires"]]
EXTRAS = {
    extra: [Requirement(line) for line in lines]
    for extra, lines in PROJECT["project"]["optional-dependencies"].items()
}
CONSTRAINTS = REPOSITORY / "constraints"
RUNTIMES = REPOSITORY / "runtimes"
LOCKS = RUNTIMES / "locks"
RECIPES = tomllib.loads((RUNTIMES / "catalog.toml").read_text())["standins"]
VENDORED = "emulator/web/public/openapi/static"
STATIC = REPOSITORY / VENDORED
OF_PAGES = REPOSITORY / "emulator" / "web" / "ui" / "static"
SLOW = pytest.mark.docker  # it needs no engine, but seconds that the fast tests do not have
AMD = ARCHITECTURES["amd64"]
Pins = dict[str, list[tuple[Requirement, list[str]]]]


def pins(file: Path) -> Pins:
    """Each package's lines, for one Python and another, with their hashes."""
    found: Pins = {}
    for line in file.read_text().replace("\\\n", " ").splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line.partition("--hash")[0].strip())
            hashes = re.findall(r"--hash=(\S+)", line)
            found.setdefault(requirement.name.lower(), []).append((requirement, hashes))
    return found


def version(requirement: Requirement) -> Version:
    (only,) = requirement.specifier
    assert only.operator == "==", requirement
    return Version(only.version)


LISTS = (*sorted(CONSTRAINTS.glob("*.txt")), *sorted(LOCKS.glob("*.txt")))


@pytest.mark.parametrize("file", LISTS, ids=lambda file: file.name)
def test_every_line_names_one_version_and_its_hashes(file: Path) -> None:
    for lines in pins(file).values():
        for requirement, hashes in lines:
            assert version(requirement)
            assert hashes, f"{requirement} has no hash"
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("run.txt", NEEDS),
        ("build.txt", BUILD),
        ("lowest.txt", NEEDS + BUILD),
        *((f"{extra}.txt", NEEDS + BUILD + wanted) for extra, wanted in EXTRAS.items()),
    ],
)
def test_the_lists_fit_what_the_project_asks_for(file: str, wanted: list[Requirement]) -> None:
    listed = pins(CONSTRAINTS / file)

    for requirement in wanted:
        lines = listed.get(requirement.name.lower(), [])
        assert lines, f"{file} has no {requirement.name}: run make constraints"
        for line, _ in lines:
            assert version(line) in requirement.specifier, f"{file}: run make constraints"


@pytest.mark.parametrize("file", ["run.txt", "build.txt"])
def test_what_runs_and_what_is_developed_with_are_the_same_versions(file: str) -> None:
    developed = pins(CONSTRAINTS / "dev.txt")

    for name, lines in pins(CONSTRAINTS / file).items():
        assert {str(line) for line, _ in lines} == {str(line) for line, _ in developed[name]}


def test_the_lowest_versions_that_are_promised_are_those_that_are_tested() -> None:
    tested = pins(CONSTRAINTS / "lowest.txt")

    for requirement in NEEDS:
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{requirement}: an upper bound needs a reason, and a test"
        for line, _ in tested[requirement.name]:
            assert version(line) == Version(bound.version), "run make constraints"


@pytest.fixture
def leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that is the only one that pip can find."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    file = wheels / "leaf-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("leaf.py", "green = True\n")
        wheel.writestr(
            "leaf-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: leaf\nVersion: 1\n"
        )
        wheel.writestr(
            "leaf-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("leaf-1.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return file


def line_for(wheel: Path) -> str:
    return f"leaf==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def changed(line: str) -> str:
    return line[:-2] + ("0" if line[-2] != "0" else "1") + "\n"


@SLOW
def test_a_checkout_is_not_installed_with_another_file_than_the_list_has(
    leaf: Path, tmp_path: Path
) -> None:
    project = tiny_project(tmp_path / "project")
    listed = project / "constraints" / "run.txt"
    listed.parent.mkdir()
    (project / "constraints" / "build.txt").touch()

    listed.write_text(changed(line_for(leaf)))
    refused = make_venv(project)
    has_leaf_after_refusal = has_leaf(project)
    listed.write_text(line_for(leaf))
    made = make_venv(project)

    assert refused.returncode == 1
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert "make venv PINNED=no" in refused.stderr
    assert not has_leaf_after_refusal
    assert made.returncode == 0, made.stderr
    assert has_leaf(project)


def make_venv(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/make-venv"],
        cwd=project,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


def has_leaf(project: Path) -> bool:
    return any((project / ".venv").glob("lib/python3*/site-packages/leaf.py"))


def test_the_image_of_taskdock_is_installed_by_the_lists() -> None:
    steps = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip install[^&\n]*", steps)

    assert installs
    for install in installs:
        hashed = "--require-hashes" in install
        offline = {"--no-deps", "--no-build-isolation", "--no-index"} <= set(install.split())
        assert hashed or offline, install
    assert "!constraints" in (REPOSITORY / ".dockerignore").read_text().splitlines()


def test_a_stand_in_gets_no_python_package_but_the_one_of_its_lock(
    leaf: Path, tmp_path: Path
) -> None:
    lock, into = tmp_path / "lock.txt", tmp_path / "into"
    running = "{}.{}".format(*sys.version_info)

    lock.write_text(changed(line_for(leaf)))
    with pytest.raises(ImageNotAvailable, match="DO NOT MATCH THE HASHES"):
        ingredients.pip(lock, into, AMD, running)
    assert not (into / "leaf.py").exists()

    lock.write_text("leaf==1\n")
    with pytest.raises(ImageNotAvailable, match="hash"):
        ingredients.pip(lock, into, AMD, running)
    assert not (into / "leaf.py").exists()

    lock.write_text(line_for(leaf))
    ingredients.pip(lock, into, AMD, running)
    assert (into / "leaf.py").exists()


def test_a_package_that_no_lock_names_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(ImageNotAvailable, match="make constraints"):
        ingredients.pip(tmp_path / "none.txt", tmp_path / "into", AMD, "3.11")


@pytest.fixture
def npm(tmp_path: Path) -> tuple[str, ...]:
    """A client that has one package, whatever is asked for; it keeps what it was told."""
    archive = tmp_path / "published.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        member = tarfile.TarInfo("package/index.js")
        member.size = 4
        packed.addfile(member, io.BytesIO(b"1+1;"))
    program = tmp_path / "npm"
    program.write_text(
        "#!/bin/sh\n"
        "for word; do case $word in --pack-destination=*) to=${word#*=} ;; esac; done\n"
        f'echo "$*" > "{tmp_path}/told"\ncp "{archive}" "$to/"\n'
    )
    program.chmod(0o755)
    return (str(program),)


def test_a_stand_in_gets_no_npm_package_but_the_one_of_its_lock(
    npm: tuple[str, ...], tmp_path: Path
) -> None:
    lock, into = tmp_path / "lock.json", tmp_path / "into"
    packages = {"twig": "twig-{npm}@4"}
    digest = base64.b64encode(hashlib.sha512((tmp_path / "published.tgz").read_bytes()).digest())
    entry = {"version": "4.0.1", "integrity": f"sha512-{digest.decode()}"}

    lock.write_text(json.dumps({"twig-x64@4": {**entry, "integrity": "sha512-AAAA"}}))
    with pytest.raises(ImageNotAvailable, match=r"another twig-x64@4\.0\.1 than the one in"):
        ingredients.npm(npm, packages, lock, into / "one", AMD)
    assert not list(into.rglob("index.js"))

    lock.write_text(json.dumps({}))
    with pytest.raises(ImageNotAvailable, match="make constraints"):
        ingredients.npm(npm, packages, lock, into / "two", AMD)

    lock.write_text(json.dumps({"twig-x64@4": entry}))
    ingredients.npm(npm, packages, lock, into / "three", AMD)
    assert (into / "three" / "twig" / "index.js").read_text() == "1+1;"
    told = (tmp_path / "told").read_text().split()
    assert "twig-x64@4.0.1" in told
    assert "--ignore-scripts" in told


def recipes_with(part: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, recipe) for name, recipe in RECIPES.items() if part in recipe]


@pytest.mark.parametrize(("name", "recipe"), recipes_with("pip"))
def test_the_lock_of_a_recipe_has_the_python_packages_that_it_names(
    name: str, recipe: Mapping[str, Any]
) -> None:
    locked = pins(LOCKS / f"{name.replace(':', '-')}.txt")

    for line in recipe["pip"]:
        wanted = Requirement(line)
        assert all(version(line) in wanted.specifier for line, _ in locked[wanted.name.lower()])


@pytest.mark.parametrize(("name", "recipe"), recipes_with("npm"))
def test_the_lock_of_a_recipe_has_the_npm_packages_that_it_names(
    name: str, recipe: Mapping[str, Any]
) -> None:
    locked = json.loads((LOCKS / f"{name.replace(':', '-')}.json").read_text())

    for package in recipe["npm"].values():
        for architecture in ARCHITECTURES.values():
            wanted = package.format(npm=architecture.npm)
            found = locked[wanted]
            asked = wanted.rpartition("@")[2]
            assert Version(found["version"]) in SpecifierSet(f"=={asked}.*")
            assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", found["integrity"])


def test_nothing_turns_off_what_verifies_a_download() -> None:
    switches = re.compile(
        r"allow-unauthenticated|trusted=yes|no-check-gpg|AllowInsecure|AllowUnauthenticated"
        r"|--trusted-host|strict-ssl|NODE_TLS_REJECT|curl[^\n]* (-k|--insecure)\b"
        r"|no-check-certificate|force-yes",
        re.IGNORECASE,
    )
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "-z",
            "--",
            f":!{VENDORED}",
            ":!emulator/web/ui/static/htmx.min.js",
            ":!tests/security",
            ":!*.md",
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        file = REPOSITORY / name
        if file.is_file() and not file.is_symlink():
            assert not switches.search(file.read_text(errors="replace")), name


def test_debootstrap_gives_up_where_it_cannot_check_a_signature() -> None:
    for file in ("emulator/engines/standins/debian.py", "scripts/make-system"):
        assert "--force-check-gpg" in (REPOSITORY / file).read_text(), file


@SLOW
@pytest.mark.parametrize("keyring", ["empty", "missing"])
def test_a_debian_that_nobody_trusted_has_signed_is_not_installed(
    keyring: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        missing("root, for debootstrap")
    archive.need_debootstrap()
    (tmp_path / "empty").touch()
    (tmp_path / "into").mkdir()

    with pytest.raises(ImageNotAvailable, match=r"(?s)keyring|signature|key id"):
        archive.debian(
            "bookworm",
            tmp_path / "into",
            AMD,
            tmp_path / "cache",
            keyring=str(tmp_path / keyring),
        )

    assert not (tmp_path / "into" / "root" / "bin").exists()
    assert not list((tmp_path / "cache").rglob("*.deb"))


def test_a_program_in_the_cache_that_others_can_change_is_not_taken(tmp_path: Path) -> None:
    program = tmp_path / "busybox" / "bin" / "busybox"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"one's own")
    for path in (tmp_path, tmp_path / "busybox", program.parent):
        path.chmod(0o755)
    assert archive._busybox_in(tmp_path) == program

    for path in (program, program.parent, tmp_path / "busybox", tmp_path):
        before = path.stat().st_mode
        path.chmod(0o777)
        assert archive._busybox_in(tmp_path) is None, path
        path.chmod(before)

    if os.geteuid() == 0:
        os.chown(program, 4711, 4711)
        assert archive._busybox_in(tmp_path) is None


def test_a_cache_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    told: list[str] = []
    own = tmp_path / "taskdock"
    own.mkdir(mode=0o755)
    assert user_folders.cache({"XDG_CACHE_HOME": str(tmp_path)}, told.append) == own
    assert told == []

    own.chmod(0o777)
    other = user_folders.cache({"XDG_CACHE_HOME": str(tmp_path)}, told.append)

    assert other != own
    assert stat.S_IMODE(other.stat().st_mode) == 0o700
    assert "make it yours alone" in told[0]


def test_a_cache_of_another_user_is_not_used(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("root, to give a folder to another user")
    own = tmp_path / "taskdock"
    own.mkdir(mode=0o755)
    os.chown(own, 4711, 4711)

    assert user_folders.cache({"XDG_CACHE_HOME": str(tmp_path)}) != own


def test_swagger_ui_is_the_release_that_the_note_beside_it_names() -> None:
    note = json.loads((STATIC / "vendored.json").read_text())

    for name, integrity in note["files"].items():
        assert ingredients.integrity(STATIC / name) == integrity, name
    ours = {"index.html", "index.js", "vendored.json"}
    assert {each.name for each in STATIC.iterdir()} == ours | set(note["files"])
    assert {"LICENSE", "NOTICE"} <= set(note["files"])
    bundle = (STATIC / "swagger-ui-bundle.js").read_text()
    assert f'PACKAGE_VERSION:"{note["version"]}"' in bundle


def test_htmx_is_the_release_that_the_note_beside_it_names() -> None:
    note = json.loads((OF_PAGES / "vendored.json").read_text())

    assert set(note["files"]) == {each.name for each in OF_PAGES.glob("htmx*")}
    for name, integrity in note["files"].items():
        assert ingredients.integrity(OF_PAGES / name) == integrity, name
    assert "htmx.LICENSE" in note["files"]
    assert f'version="{note["version"]}"' in (OF_PAGES / "htmx.min.js").read_text()


def test_the_extract_of_awss_model_is_of_a_release_that_is_pinned_by_its_hash() -> None:
    model = json.loads((REPOSITORY / "emulator/web/lambda_api/model/description.json").read_text())
    ((line, hashes),) = pins(CONSTRAINTS / "dev.txt")["botocore"]

    assert model["source"].startswith(f"botocore {version(line)},")
    assert hashes
