"""Documents name files and folders of the repository by paths that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "SECURITY.md",
    "docs/decisions.md",
    "docs/doctor.md",
    "docs/engines.md",
    "docs/launcher.md",
)
FOLDERS = "benchmarks|constraints|docs|emulator|runtimes|sample_functions|scripts|tests"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_path_in_a_document_leads_to_a_file_or_a_folder(document):
    text = (ROOT / document).read_text()

    paths = re.findall(rf"`((?:{FOLDERS})/[^\s`]*)`", text)

    assert [path for path in paths if not any(ROOT.glob(path))] == []
