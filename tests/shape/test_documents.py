"""Documents that can drift are checked against what they speak of."""

import re
from pathlib import Path

import pytest

from docs import charts, engines
from taskdock.base import errors
from taskdock.base.settings import Settings
from taskdock.commands import COMMANDS
from taskdock.lambdas.functions import runtimes
from taskdock.web.common import problems
from tests.engines.rows import ROWS, Seen
from tests.support.endpoints import ENDPOINTS, shape_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()


def all_errors(kind=errors.TaskdockError):
    """But for the client's and the web's own, which have no place in the tree."""
    below = [deeper for each in kind.__subclasses__() for deeper in all_errors(each)]
    return [kind, *below] if kind.__module__ == errors.__name__ else below


def test_the_state_charts_are_the_tables():
    text = charts.DOCUMENT.read_text()

    assert charts.drawn(text) == text, "run: make docs"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_on_its_page_with_its_variable_and_default(name):
    default = Settings.model_fields[name].default
    shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    shown = "" if default in (None, (), "") else f"{shown} "

    row = f"| `{name}` | `TASKDOCK_{name.upper()}` | {shown}|"

    assert row in SETTINGS


def test_the_readme_names_every_runtime_with_a_standin_and_no_other():
    listed = re.search(r"can rule it out\):\n(.*?)\n\(\[how\]", README, re.DOTALL)

    assert listed is not None
    named = set(re.split(r",\s+", listed[1]))
    assert named == {name for name, each in runtimes.known().items() if each.standin}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_on_its_page(name):
    assert re.search(rf"`taskdock {name}\b", COMMANDS_PAGE)


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_is_drawn_in_the_tree_explained_and_answered(kind):
    assert re.search(rf"(^|─ ){kind.__name__}\b", errors.__doc__, re.MULTILINE)
    assert kind.__doc__
    assert problems.problem_of(kind)


def test_nothing_else_is_drawn_in_the_tree():
    drawn = re.findall(r"^(?:[│ ]*[├└]── )?([A-Z]\w+)(?: {2}|$)", errors.__doc__, re.MULTILINE)

    assert sorted(drawn) == sorted(kind.__name__ for kind in all_errors())


# docs/task-service.md and docs/lambda-api.md

SERVICE = (ROOT / "docs" / "task-service.md").read_text()
AWS = (ROOT / "docs" / "lambda-api.md").read_text()


def documented():
    """What the documents say that each endpoint needs, by method and path as in `ENDPOINTS`."""
    tables = SERVICE.partition("## Limits")[0] + AWS
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| (.*) \|$", tables, re.MULTILINE)
    return {f"{method} {shape_of(path)}": needed for method, path, needed in rows}


def declared():
    """What each endpoint needs, by method and path: the longest one, where it has several."""
    names = {endpoint: name for name, endpoint in ENDPOINTS.items()}
    return {
        f"{method} {name.split(' ')[1]}": endpoint.permission
        for endpoint, name in names.items()
        for method in endpoint.methods
    }


def test_every_endpoint_is_in_the_document_with_its_permission():
    there = documented()

    for name, needed in declared().items():
        assert name in there, f"the documents have no {name}"
        if isinstance(needed, str):
            assert f"`{needed}`" in there[name], name


def test_the_document_has_no_endpoint_that_is_not_there():
    assert documented().keys() <= declared().keys()


# Links


def anchors(file):
    """The names by which a page's headings are linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


PAGES = [
    *("README.md", "SECURITY.md", "CONTRIBUTING.md"),
    *("packages/vitest/README.md", "runtimes/README.md", "sample_functions/README.md"),
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page):
    file = ROOT / page
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", file.read_text())

    for path, anchor in links:
        linked = file.parent / path if path else file
        assert linked.exists(), path
        assert not anchor or anchor in anchors(linked), f"{path}#{anchor}"


# SECURITY.md

SECURITY = (ROOT / "SECURITY.md").read_text()


def promised():
    """The tests of each row, by file; None: the file as a whole."""
    for line in SECURITY.splitlines():
        file = None
        for word in re.findall(r"`((?:tests/\w+/)?test_\w+(?:\.py)?)`", line):
            if word.endswith(".py"):
                file = word if "/" in word else f"tests/security/{word}"
                yield file, None
            else:
                yield file, word


@pytest.mark.parametrize(("file", "test"), list(promised()))
def test_each_test_that_is_promised_for_an_attack_is_there(file, test):
    assert file, f"no file is named before {test}"
    text = (ROOT / file).read_text()

    assert re.search(rf"^def {test or 'test_'}", text, re.MULTILINE)
    assert test is None or f"def {test}(" in text


def test_each_attack_has_a_test_and_each_file_of_attacks_is_named():
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ") and "---" not in line]
    without = [row for row in rows if "`test_" not in row and "/test_" not in row]
    files = {f"tests/security/{path.name}" for path in (ROOT / "tests/security").glob("test_*.py")}

    known = {"| Attempt |"}
    others = [row for row in without if not row.startswith(tuple(known))]
    assert [row for row in others if "see below" not in row] == []
    assert files - {file for file, _ in promised()} == set()


# docs/engines.md

ENGINES = (ROOT / "docs" / "engines.md").read_text()
TRIALS = "".join(
    text
    for path in (ROOT / "tests").rglob("test_*.py")
    if "import record\n" in (text := path.read_text())
)


def recorded():
    """The rows that tests record, by the words in their calls and their parameters."""
    families = {"Docker of {suite}": ("trixie", "forky"), "Python {version}": ("3.10", "3.13")}
    for family, names in families.items():
        if f'record(f"{family}"' in TRIALS:
            yield from (re.sub(r"\{\w+\}", name, family) for name in names)
    yield from (name for name in ROWS if f'"{name}"' in TRIALS)


def test_each_engine_and_surrounding_that_is_tried_has_its_row_and_no_other_has():
    assert list(engines.kept(ENGINES)) == list(ROWS)
    assert set(recorded()) == set(ROWS)


def test_the_table_of_engines_is_as_its_command_writes_it():
    assert engines.written(ENGINES, {}) == ENGINES, "run: make engines"


def test_what_was_seen_is_written_and_the_rest_is_kept():
    seen = {"no bridge": Seen("Docker 99", "told: nothing")}

    text = engines.written(ENGINES, seen)

    assert engines.kept(text) == {**engines.kept(ENGINES), **seen}


# Lines for a shell

RUN_BY = {
    "README.md": "acceptance/test_pages.py",
    "docs/ci.md": "harness/test_pipelines.py",
    "docs/clients.md": "acceptance/test_pages.py",
    "docs/debugging.md": "acceptance/test_debug.py",
    "docs/demo.md": "ui/test_demo.py",
    "docs/doctor.md": "acceptance/test_pages.py",
    "docs/doubles.md": "acceptance/test_pages.py",
    "docs/in-a-container.md": "engines/systems/test_in_a_container.py",
    "docs/lambda-api.md": "acceptance/test_pages.py",
    "docs/testing.md": "harness/test_docs_examples.py",
    "packages/vitest/README.md": "harness/test_javascript.py",
    "sample_functions/README.md": "acceptance/test_pages.py",
}


@pytest.mark.parametrize("page", PAGES)
def test_each_line_for_a_shell_is_run_by_a_test_or_names_a_target_that_is_there(page):
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    lines = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    for line in lines:
        words = line.split()
        if words[:1] == ["make"]:
            assert words[1] in targets
        elif words[:2] == [".venv/bin/python", "-m"]:
            assert (ROOT / words[2].replace(".", "/")).exists()
        else:
            assert (ROOT / "tests" / RUN_BY[page]).is_file()
    assert page == "docs/architecture.md" or "" not in dict(blocks), "a block names no language"
