"""Documents name files and folders of the repository by paths that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/clients.md",
    "docs/commands.md",
    "docs/decisions.md",
    "docs/doctor.md",
    "docs/engines.md",
    "docs/glossary.md",
    "docs/launcher.md",
    "docs/settings.md",
)
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
FOLDERS = "benchmarks|constraints|docs|emulator|runtimes|sample_functions|scripts|tests"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_path_in_a_document_leads_to_a_file_or_a_folder(document):
    text = (ROOT / document).read_text()

    paths = re.findall(rf"`((?:{FOLDERS})/[^\s`]*)`", text)

    assert [path for path in paths if not any(ROOT.glob(path))] == []


def test_each_path_in_the_architecture_leads_below_the_package_or_to_a_test():
    paths = re.findall(r"`(\w[\w/]*/(?:\w+\.(?:py|c))?)`", ARCHITECTURE)

    assert len(paths) > 50
    assert [
        path
        for path in paths
        if not (ROOT / "emulator" / path).exists() and not (ROOT / path).exists()
    ] == []
