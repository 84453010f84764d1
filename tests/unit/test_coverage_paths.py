"""The count of lines that functions run: what containers get, and what is made of records."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import coverage as coverage_py
import pytest

from taskdock.base.errors import StartupError
from taskdock.engines.engine import ContainerSpec, Mount
from taskdock.lambdas.environment import spec
from taskdock.lambdas.environment.provision.coverage import Coverage, prepare
from taskdock.testing import FakeEngine, Settings, running
from taskdock.testing.coverage import collect, javascript
from tests.support.live import REPOSITORY
from tests.support.parts import missing

HOOKS = REPOSITORY / "runtimes" / "coverage"
PROGRAM = """
import asyncio
import os
import threading


def numbers(count):
    for number in range(count):
        yield number


def delegated():
    yield from numbers(2)
    return 1


async def slow(fast):
    await asyncio.sleep(0)
    if fast:
        return 1
    return 2


class Table:
    wood = "oak"

    def polish(self):
        try:
            raise ValueError(self.wood)
        except ValueError:
            pass
        finally:
            self.wood = None


def handler(event):
    total = 0
    for number in numbers(3):
        total += number
    list(delegated())
    Table().polish()
    with open(os.devnull) as empty:
        empty.read()
    asyncio.run(slow(event))
    thread = threading.Thread(target=lambda: [wood for wood in "oak"])
    thread.start()
    thread.join()
    while total > 2:
        total -= 1
        if total == 2:
            continue
    if event == 5:
        total = (
            7
        )
    return total


async def ticks():
    for tick in range(3):
        await asyncio.sleep(0)
        yield tick


class Door:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return False


async def through():
    async for tick in ticks():
        pass
    async with Door():
        pass
    return [tick async for tick in ticks()]


def thrown_into():
    try:
        yield 1
    except KeyError:
        raise
    finally:
        os.getpid()


def closed():
    begun = numbers(10)
    next(begun)
    begun.close()
    other = thrown_into()
    next(other)
    try:
        other.throw(KeyError("oak"))
    except KeyError:
        return 1


def plain(function):
    return function


@plain
def decorated(fast, many=(
    1
)):
    if fast: return many
    return [
        fast,
        many,
    ]


handler(0)
asyncio.run(through())
closed()
decorated(0)
decorated(1)
"""
BRANCHES = "[run]\nbranch = true\n"


def counting(folder: Path, program: str, **variables: str) -> Path:
    """Runs the file `program` of `folder` with our hook; returns a folder as of --coverage."""
    lines = folder.parent / "counted" / "lines"
    lines.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, str(folder / program)],
        env={
            "PYTHONPATH": str(HOOKS),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(folder),
            "TASKDOCK_LINES": str(lines),
            "AWS_LAMBDA_FUNCTION_NAME": "oak",
            **variables,
        },
        check=True,
        timeout=60,
    )
    for file in lines.iterdir():  # as in a container
        file.write_text(file.read_text().replace(f"{folder}/", "/var/task/"))
    return lines.parent


def of_coverage_py(folder: Path, program: str) -> coverage_py.CoverageData:
    """Of the same program, by coverage.py's own tracer."""
    file = folder.parent / "expected"
    subprocess.run(
        [
            *(sys.executable, "-m", "coverage", "run", "--branch", f"--data-file={file}"),
            *(f"--include={folder}/*", str(folder / program)),
        ],
        env={"PATH": os.environ["PATH"]},
        cwd=folder.parent,
        check=True,
        timeout=60,
    )
    data = coverage_py.CoverageData(str(file))
    data.read()
    return data


def data_of(file: Path | None) -> coverage_py.CoverageData:
    assert file is not None
    data = coverage_py.CoverageData(str(file))
    data.read()
    return data


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of code, in a repository that is the working directory."""
    folder = tmp_path / "task"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def record(task: Path, text: str, *, name: str = "oak.1.python") -> Path:
    """A folder with this record of a container's."""
    lines = task.parent / "counted" / "lines"
    lines.mkdir(parents=True, exist_ok=True)
    (lines / name).write_text(text)
    return lines.parent


def digest(file: Path) -> int:
    return zlib.crc32(file.read_bytes())


# What containers are given


def a_spec(more: tuple[Mount, ...] = ()) -> ContainerSpec:
    return spec.spec(
        name="n",
        environment_id="e",
        image="i",
        memory=128,
        code=Path("/code"),
        server="s",
        more=more,
    )


def test_without_coverage_a_container_is_as_it_was() -> None:
    assert a_spec().mounts == (Mount(source=Path("/code"), target="/var/task"),)


def test_with_coverage_a_container_sees_hooks_that_it_reads_and_a_folder_that_it_writes() -> None:
    counted = a_spec(Coverage(folder=Path("/counted")).mounts)

    assert counted.mounts[0] == a_spec().mounts[0]
    assert [(str(mount.source), mount.read_only) for mount in counted.mounts[1:]] == [
        ("/counted/hooks", True),
        ("/counted/lines", False),
    ]
    assert replace(counted, mounts=a_spec().mounts) == a_spec()


@pytest.mark.parametrize("family", ["python", "nodejs", None])
def test_a_function_is_entered_by_awss_own_hook(family: str | None) -> None:
    variables = Coverage(folder=Path("/counted")).variables(family, {})

    assert variables == {
        "AWS_LAMBDA_EXEC_WRAPPER": "/dev/taskdock-coverage/wrapper",
        "TASKDOCK_COUNT": "branches",
    }


@pytest.mark.parametrize("family", ["java", "provided", "ruby"])
def test_a_runtime_without_a_hook_of_ours_is_left_alone(family: str) -> None:
    assert Coverage(folder=Path("/counted")).variables(family, {}) == {}


def test_a_functions_own_wrapper_is_handed_to_ours() -> None:
    own = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}

    variables = Coverage(folder=Path("/counted")).variables("python", own)

    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/dev/taskdock-coverage/wrapper"
    assert variables["TASKDOCK_EXEC_WRAPPER"] == "/var/task/wrapper"


@pytest.mark.parametrize("prewarm", [0, 1])
def test_a_server_gives_all_this_to_its_functions_only_if_it_is_asked(
    tmp_path: Path, prewarm: int
) -> None:
    seen = {}
    for coverage in (None, tmp_path / "counted"):
        settings = Settings(coverage=coverage, prewarm=prewarm)
        with running(settings, engine=FakeEngine()) as dock:
            dock.deploy(lambda event, runtime: None)
            dock.service.warm_up("walnut-table")
            targets = {mount.target for made in dock.fake.started for mount in made.mounts}
            names = {name for program in dock.fake.ran for name in program.environment}
        seen[coverage is not None] = targets, names

    assert seen[False][0] == {"/var/task"}
    assert seen[True][0] == {"/var/task", "/dev/taskdock-coverage", "/dev/taskdock-lines"}
    assert seen[True][1] - seen[False][1] == {"AWS_LAMBDA_EXEC_WRAPPER", "TASKDOCK_COUNT"}


def test_the_folder_is_closed_to_others_and_the_lines_in_it_open_to_functions(
    tmp_path: Path,
) -> None:
    made = prepare(tmp_path / "deep" / "counted", "lines")
    again = prepare(tmp_path / "deep" / "counted", "lines")

    modes = {
        name: stat.S_IMODE((made.folder / name).stat().st_mode)
        for name in (".", "lines", "hooks", "hooks/wrapper")
    }
    assert modes == {".": 0o700, "lines": 0o1777, "hooks": 0o755, "hooks/wrapper": 0o755}
    assert again == made
    assert sorted(file.name for file in (made.folder / "hooks").iterdir()) == sorted(
        file.name for file in HOOKS.iterdir() if file.is_file()
    )


def test_a_folder_that_cannot_be_used_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StartupError, match=r"folder for coverage.*--coverage \(TASKDOCK_COVERAGE"):
        prepare(tmp_path / "file", "branches")


# The hook of Node.js


def test_code_without_a_file_keeps_no_other_file_from_being_counted(tmp_path: Path) -> None:
    node = shutil.which("node") or missing("node")
    code, written = tmp_path / "task", tmp_path / "lines"
    code.mkdir()
    written.mkdir()
    (code / "index.js").write_text(
        "require('vm').runInThisContext('1 + 1', { filename: __dirname + '/made-up.js' });\n"
        "require('./later.js');\n"
    )
    (code / "later.js").write_text("module.exports = 1;\n")
    variables = {"TASKDOCK_LINES": str(written), "LAMBDA_TASK_ROOT": str(code)}

    subprocess.run(
        [node, "--require", HOOKS / "count.cjs", code / "index.js"],
        env={**os.environ, **variables},
        check=True,
        timeout=60,
    )

    [file] = written.iterdir()
    counted = [json.loads(line)["path"] for line in file.read_text().splitlines()]
    assert sorted(counted) == [str(code / "index.js"), str(code / "later.js")]


# The wrapper


def wrapped(*command: str, **variables: str) -> tuple[int, dict[str, str] | str]:
    """The exit code of the wrapper, and the variables of its program, or what it printed."""
    done = subprocess.run(
        [HOOKS / "wrapper", *command],
        env={"PATH": "/usr/bin:/bin", "AWS_LAMBDA_EXEC_WRAPPER": "/ours", **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    if done.returncode:
        return done.returncode, done.stdout
    return 0, dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def interpreter(folder: Path, name: str) -> str:
    """A program of this name that prints its variables."""
    file = folder / name
    file.write_text("#!/bin/sh\nenv\n")
    file.chmod(0o755)
    return str(file)


def test_the_wrapper_leads_each_interpreter_to_its_hook(tmp_path: Path) -> None:
    python, node = interpreter(tmp_path, "python3.11"), interpreter(tmp_path, "node")

    assert wrapped(python)[1]["PYTHONPATH"] == str(HOOKS)  # type: ignore[index]
    assert wrapped(python, PYTHONPATH="/opt/x")[1]["PYTHONPATH"] == f"{HOOKS}:/opt/x"  # type: ignore[index]
    assert wrapped(node)[1]["NODE_OPTIONS"] == f"--require {HOOKS}/count.cjs"  # type: ignore[index]
    assert "PYTHONPATH" not in wrapped(interpreter(tmp_path, "python2.7"))[1]


def test_a_function_does_not_see_that_it_is_wrapped(tmp_path: Path) -> None:
    code, variables = wrapped(interpreter(tmp_path, "python3.11"))

    assert code == 0
    assert not {"AWS_LAMBDA_EXEC_WRAPPER", "TASKDOCK_EXEC_WRAPPER"} & set(variables)


def test_the_wrapper_runs_the_functions_own_with_the_command(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text('#!/bin/sh\necho "command=$*"\nenv\n')
    own.chmod(0o755)

    code, variables = wrapped("/x/python3.11", "a.py", TASKDOCK_EXEC_WRAPPER=str(own))

    assert code == 0
    assert isinstance(variables, dict)
    assert variables["command"] == "/x/python3.11 a.py"
    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == str(own)


def test_an_own_wrapper_that_cannot_run_is_told_in_awss_words(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("")

    missing = wrapped("/x/node", TASKDOCK_EXEC_WRAPPER="/nowhere")
    no_program = wrapped("/x/node", TASKDOCK_EXEC_WRAPPER=str(tmp_path / "text"))

    assert missing == (127, "/nowhere: does not exist\n")
    assert no_program == (126, f"{tmp_path / 'text'}: is not an executable\n")


# Python


def test_each_step_is_one_that_coverage_py_counts(task: Path) -> None:
    (task / "main.py").write_text(PROGRAM)
    (task.parent / ".coveragerc").write_text(BRANCHES)

    counted = collect(counting(task, "main.py"), {"oak": task})

    expected = of_coverage_py(task, "main.py").arcs(str(task / "main.py"))
    found = data_of(counted.data_file).arcs(str(task / "main.py"))
    assert sorted(found or ()) == sorted(expected or ())


def test_lines_alone_are_those_that_coverage_py_counts(task: Path) -> None:
    (task / "main.py").write_text(PROGRAM)

    counted = collect(counting(task, "main.py", TASKDOCK_COUNT="lines"), {"oak": task})

    expected = of_coverage_py(task, "main.py").lines(str(task / "main.py"))
    found = data_of(counted.data_file).lines(str(task / "main.py"))
    assert sorted(found or ()) == sorted(expected or ())


def test_processes_that_end_without_a_farewell_have_written_all_that_they_ran(task: Path) -> None:
    (task / "main.py").write_text(
        "import os\nif os.fork() == 0:\n    x = 1\n    os._exit(0)\nos.wait()\nos._exit(0)\n"
    )

    counted = collect(counting(task, "main.py"), {"oak": task})

    assert counted.python[task / "main.py"] == {1, 2, 3, 4, 5, 6}


def test_packages_of_others_are_not_counted(task: Path) -> None:
    for name, more in (("requests", ()), ("mine", ("direct_url.json",))):
        (task / f"{name}-1.dist-info").mkdir()
        (task / f"{name}-1.dist-info" / "RECORD").write_text(f"{name}.py,sha256=x,1\n")
        for file in more:
            (task / f"{name}-1.dist-info" / file).write_text('{"url": "file:///mine"}')
        (task / f"{name}.py").write_text("x = 1\n")
    (task / "main.py").write_text("import mine, requests\n")

    counted = collect(counting(task, "main.py"), {"oak": task})

    assert {file.name for file in counted.python} == {"main.py", "mine.py"}


def test_a_sitecustomize_of_the_functions_own_is_still_imported(task: Path) -> None:
    (task / "sitecustomize.py").write_text("import builtins\nbuiltins.mine = 1\n")
    (task / "main.py").write_text("assert mine\n")

    counted = collect(
        counting(task, "main.py", PYTHONPATH=f"{HOOKS}{os.pathsep}{task}"), {"oak": task}
    )

    assert counted.python[task / "main.py"] == {1}


def test_lines_count_for_a_coverage_py_that_measures_this_process(
    task: Path,
) -> None:
    (task / "main.py").write_text("x = 1\ny = 2\n")
    folder = record(
        task,
        f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n/var/task/main.py\tstep\t-1\t1\n",
    )
    (task / "run.py").write_text(
        "from pathlib import Path\n"
        "from taskdock.testing.coverage import collect\n"
        f"collect(Path({str(folder)!r}), {{'oak': Path({str(task)!r})}})\n"
    )

    subprocess.run(
        [sys.executable, "-m", "coverage", "run", "--branch", "run.py"],
        cwd=task,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )

    data = data_of(task / ".coverage")
    assert data.lines(str(task / "main.py")) == [1]
    assert 3 in (data.lines(str(task / "run.py")) or ())


def test_what_the_data_file_has_already_stays_unless_it_is_begun_anew(task: Path) -> None:
    (task / "main.py").write_text("x = 1\n")
    text = f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n/var/task/main.py\tline\t1\n"
    folder, file = record(task, text), task.parent / "data"
    before = coverage_py.CoverageData(str(file))
    before.add_lines({"/other.py": [1]})
    before.close()

    collect(folder, {"oak": task}, file)
    both = data_of(file).measured_files()
    collect(folder, {"oak": task}, file, append=False)
    one = data_of(file).measured_files()

    assert both == {"/other.py", str(task / "main.py")}
    assert one == {str(task / "main.py")}


def test_lines_alone_do_not_pass_for_branches(task: Path) -> None:
    (task / "main.py").write_text("x = 1\n")
    (task.parent / ".coveragerc").write_text(BRANCHES)
    text = f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n/var/task/main.py\tline\t1\n"

    counted = collect(record(task, text), {"oak": task})

    assert data_of(counted.data_file).lines(str(task / "main.py")) == [1]
    assert "branches were not counted" in counted.summary[-1]


def test_names_are_relative_where_coverage_py_wants_them_so(task: Path) -> None:
    (task / "main.py").write_text("x = 1\n")
    (task.parent / ".coveragerc").write_text("[run]\nrelative_files = true\n")
    text = f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n/var/task/main.py\tline\t1\n"

    counted = collect(record(task, text), {"oak": task})

    assert data_of(counted.data_file).measured_files() == {"task/main.py"}


def test_each_test_workers_folder_counts(task: Path) -> None:
    (task / "main.py").write_text("x = 1\ny = 2\n")
    header = f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n"
    for worker, line in (("gw0", 1), ("gw1", 2)):
        lines = task.parent / "counted" / worker / "lines"
        lines.mkdir(parents=True)
        (lines / "oak.1.python").write_text(f"{header}/var/task/main.py\tline\t{line}\n")

    counted = collect(task.parent / "counted", {"oak": task})

    assert counted.python[task / "main.py"] == {1, 2}


def test_without_coverage_py_a_sentence_says_how_to_have_it(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task / "main.py").write_text("x = 1\n")
    text = f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n/var/task/main.py\tline\t1\n"
    folder = record(task, text)
    monkeypatch.setitem(sys.modules, "coverage", None)

    with pytest.raises(StartupError, match="pip install coverage"):
        collect(folder, {"oak": task})


# What does not count


def test_a_file_that_is_not_what_ran_is_not_counted_and_this_is_said(task: Path) -> None:
    (task / "main.py").write_text("x = 2\n")
    text = f"/var/task/main.py\tcrc32\t{zlib.crc32(b'x = 1')}\n/var/task/main.py\tline\t1\n"

    counted = collect(record(task, text), {"oak": task})

    assert (counted.python, counted.data_file) == ({}, None)
    assert counted.summary == [
        "task/main.py is not counted: the function oak ran another version of it"
    ]


def test_a_function_whose_folder_is_not_known_is_named(task: Path) -> None:
    counted = collect(record(task, "/var/task/main.py\tline\t1\n"), {})

    assert counted.summary == ["the function oak is not counted: its folder is not known"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\0\0",
        "/var/task/main.py\tline\tx\n",
        "/var/task/main.py\tstep\t1\n",
        "/etc/passwd\tline\t1\n",
    ],
)
def test_a_record_that_makes_no_sense_is_passed_over(task: Path, text: str) -> None:
    (task / "main.py").write_text("x = 1\n")
    for kind in ("python", "nodejs"):
        assert collect(record(task, text, name=f"oak.1.{kind}"), {"oak": task}).python == {}


def test_a_record_leads_to_no_file_outside_of_the_functions_folder(task: Path) -> None:
    (task.parent / "other.py").write_text("x = 1\n")
    path = "/var/task/../other.py"
    text = f"{path}\tcrc32\t{digest(task.parent / 'other.py')}\n{path}\tline\t1\n"

    assert collect(record(task, text), {"oak": task}).python == {}


@pytest.mark.parametrize("text", ["{}", "[]", '{"left": 1, "sha256": "", "path": ""}', "null"])
def test_a_record_of_node_that_makes_no_sense_is_passed_over(task: Path, text: str) -> None:
    assert collect(record(task, text, name="oak.1.nodejs"), {"oak": task}).javascript == {}


def test_a_record_that_is_no_regular_file_is_not_opened_and_others_are_read(task: Path) -> None:
    (task / "main.py").write_text("x = 1\n")
    header = f"/var/task/main.py\tcrc32\t{digest(task / 'main.py')}\n"
    folder = record(task, f"{header}/var/task/main.py\tline\t1\n", name="oak.9.python")
    (task.parent / "elsewhere").write_text(f"{header}/var/task/main.py\tline\t2\n")
    (folder / "lines" / "oak.1.python").symlink_to(task.parent / "elsewhere")
    os.mkfifo(folder / "lines" / "oak.2.python")
    (folder / "lines" / "oak.3.python").mkdir()

    assert collect(folder, {"oak": task}).python == {task / "main.py": {1}}


# Node.js


SOURCE = textwrap.dedent(
    """\
    /* A table,
     * of oak. */
    const a = '\U0001f600'; // 😀 are two units
    function never() {
      return 1;
    }

    // Polish.
    if (a) { a; } else { never(); }
    """
)


def range_of(text: str) -> tuple[int, int]:
    """Of this text in SOURCE, in UTF-16 units."""
    start = len(SOURCE[: SOURCE.index(text)].encode("utf-16-le")) // 2
    return start, start + len(text.encode("utf-16-le")) // 2


def test_a_line_has_run_if_any_of_it_has() -> None:
    left = [range_of("function never() {\n  return 1;\n}"), range_of("{ never(); }")]

    assert javascript.counted(SOURCE, left) == {3: True, 4: False, 5: False, 9: True}


def test_a_line_has_not_run_if_only_its_indent_has() -> None:
    assert javascript.counted(SOURCE, [range_of("return 1;")])[5] is False
    assert javascript.counted(SOURCE, [range_of("turn 1;")])[5] is True


def test_what_ran_in_any_process_has_run() -> None:
    assert javascript.common([[(0, 10), (20, 30)], [(5, 25)]]) == [(5, 10), (20, 25)]
    assert javascript.common([[(0, 10)], []]) == []
    assert javascript.common([]) == []


def test_javascript_is_written_in_lcovs_format(task: Path) -> None:
    (task / "main.js").write_text("one();\ntwo();\nthree();\nfour();\n")
    sha256 = hashlib.sha256((task / "main.js").read_bytes()).hexdigest()
    entry: Mapping[str, object] = {"path": "/var/task/main.js", "sha256": sha256, "left": [[7, 22]]}

    counted = collect(record(task, json.dumps(entry), name="oak.1.nodejs"), {"oak": task})

    assert counted.lcov is not None
    assert counted.lcov.read_text().splitlines() == [
        *("TN:taskdock", "SF:task/main.js", "DA:1,1", "DA:2,0", "DA:3,0", "DA:4,1"),
        *("LF:4", "LH:2", "end_of_record"),
    ]
    assert counted.summary == [
        "task/main.js  50 % of 4 lines  without 2-3",
        "written to taskdock.lcov, in LCOV's format",
    ]
