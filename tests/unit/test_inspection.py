"""Reading a function for what surely cannot run, and saying nothing where that cannot be known."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.deployment.inspection import Finding, inspect
from taskdock.client.deployment.inspection.contents import Contents

Found = list[tuple[str, str | None, str]]
Inspect = Callable[..., list[Finding]]

MACHO = b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01" + bytes(24)
ELF = b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\x00" + bytes(12)
ELF_ARM = ELF[:18] + b"\xb7\x00" + ELF[20:]
MODULE = '{"type": "module"}'
ESBUILD = """
var __export = (target, all) => { for (var name in all) target[name] = all[name]; };
var __toCommonJS = (mod) => mod;
var src_exports = {};
__export(src_exports, { NAME: () => NAME });
module.exports = __toCommonJS(src_exports);
async function NAME() {}
0 && (module.exports = { NAME });
"""
TYPESCRIPT = """"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.handler = void 0;
async function handler(task) {}
exports.handler = handler;
"""


@pytest.fixture
def look(tmp_path: Path) -> Inspect:
    """Inspects a function of these files on an x86_64 machine."""

    def look(files: dict[str, str | bytes], **fields: Any) -> list[Finding]:
        for name, content in files.items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        usual = {"name": "oak", "path": "src", "entryPoint": "index.handler"}
        config = TaskConfig.model_validate({**usual, "runtime": "nodejs20.x", **fields})
        return inspect(config, tmp_path, "x86_64")

    return look


def said(findings: list[Finding]) -> Found:
    return [(one.kind, one.place, one.message) for one in findings]


# JavaScript


@pytest.mark.parametrize(
    ("entry_point", "files"),
    [
        ("index.handler", {"index.js": "exports.handler = async () => 1"}),
        ("index.handler", {"index.js": "module.exports.handler = wrap(async () => 1)"}),
        ("index.handler", {"index.js": "module.exports = { handler }; function handler() {}"}),
        ("index.handler", {"index.js": "module.exports = { handler: async () => 1, other }"}),
        ("index.handler", {"index.js": "module.exports = { async handler() {} }"}),
        ("index.handler", {"index.js": "exports['handler'] = 1"}),
        ("index.handler", {"index.js": "exports = module.exports = { handler() {} }"}),
        ("index.handler", {"index.js": "Object.defineProperty(exports, 'handler', { get })"}),
        ("index.handler", {"index.js": "Object.assign(exports, { handler })"}),
        ("index.handler", {"index.js": "module.exports = require('./real')", "real.js": ""}),
        ("index.handler", {"index.js": "module.exports = { ...other }"}),
        ("index.handler", {"index.js": "module.exports = build()"}),
        ("index.handler", {"index.js": "for (const name of names) exports[name] = 1"}),
        ("index.handler", {"index.js": "const app = module.exports = () => 1; app.handler = 1"}),
        ("index.handler", {"index.js": "this.handler = () => 1"}),
        ("index.handler", {"index.js": "(function (e) { e.handler = 1 })(exports)"}),
        ("index.handler", {"index.js": "exports.__defineGetter__('handler', () => 1)"}),
        ("index.handler", {"index.js": "eval('exports.handler = 1')"}),
        ("index.handler", {"index.js": ESBUILD.replace("NAME", "handler")}),
        ("build/index.handler", {"build/index.js": TYPESCRIPT}),
        ("src/a.b.handler", {"src/a.js": "exports.b = { handler() {} }"}),
        ("index.handler", {"index.cjs": "exports.handler = 1"}),
        ("index.handler", {"index.mjs": "export const handler = async () => 1"}),
        ("index.handler", {"index.mjs": "export async function handler() {}"}),
        ("index.handler", {"index.mjs": "const x = 1; export { x as handler }"}),
        ("index.handler", {"index.mjs": "export { handler } from './b.mjs'", "b.mjs": ""}),
        (
            "index.handler",
            {"index.mjs": "export * from './b.mjs'", "b.mjs": "export let handler"},
        ),
        ("index.handler", {"index.mjs": "export * from 'oak'", "node_modules/oak/i.js": ""}),
        ("index.default", {"index.mjs": "export default async () => 1"}),
        ("index.handler", {"index.js": "export const { handler } = x", "package.json": MODULE}),
        (
            "index.handler",
            {
                "index.mjs": "import { createRequire } from 'module'\n"
                "const require = createRequire(import.meta.url)\n"
                "export const handler = require('fs').stat"
            },
        ),
        ("index.handler", {"index.js": "if (0) f()\nlet x\n[x] = y\nexports.handler = x"}),
        (
            "index.handler",
            {"index.mjs": "import './a%20b.mjs?x=1#y'\nexport let handler", "a b.mjs": ""},
        ),
        ("index.handler", {"index": "exports.handler = 1"}),
        ("index.handler", {"index/index.js": "exports.handler = 1"}),
    ],
)
def test_a_handler_in_javascript_that_is_there_or_may_be_is_not_warned_of(
    look: Inspect, entry_point: str, files: dict[str, str]
) -> None:
    assert look(files, entryPoint=entry_point) == []


@pytest.mark.parametrize(
    ("files", "finding", "remedy"),
    [
        (
            {"index.js": "const handler = async () => 1"},
            ("handler", "index.js", "index.js does not export handler; it exports nothing by name"),
            "exports.handler = ...",
        ),
        (
            {"index.js": "module.exports = { main: async () => 1 }"},
            ("handler", "index.js", "index.js does not export handler; it exports main"),
            '"entryPoint": "index.main"',
        ),
        (
            {"index.js": ESBUILD.replace("NAME", "main")},
            ("handler", "index.js", "index.js does not export handler; it exports main"),
            '"entryPoint": "index.main"',
        ),
        (
            {"index.mjs": "export default async () => 1"},
            (
                "handler",
                "index.mjs",
                "index.mjs does not export handler; its only export is the default",
            ),
            "export const handler = ...",
        ),
        (
            {"lib/index.js": "exports.handler = 1"},
            ("handler", None, 'index.js is not in the package; entryPoint is "index.handler"'),
            '"entryPoint": "lib/index.handler"',
        ),
        (
            {"Index.js": "exports.handler = 1"},
            ("handler", None, 'index.js is not in the package; entryPoint is "index.handler"'),
            '"entryPoint": "Index.handler"',
        ),
        (
            {"index.ts": "export const handler = 1"},
            (
                "typescript",
                "index.ts",
                "index.ts is TypeScript, which Lambda does not run; index.js is missing",
            ),
            'compile it, and let "path" name the folder of the JavaScript: npx tsc --outDir build',
        ),
        (
            {"index.js": "\nexport const handler = 1"},
            (
                "module",
                "index.js:2",
                "import and export are for ES modules, and this file is CommonJS",
            ),
            '"type": "module" in package.json, or index.mjs as its name',
        ),
        (
            {"index.mjs": "const a = require('fs')\nexport const handler = 1"},
            (
                "module",
                "index.mjs:1",
                "require is CommonJS, and this file is an ES module by its name",
            ),
            "rename the file: index.cjs",
        ),
        (
            {"index.js": "exports.handler = 1", "package.json": MODULE},
            (
                "module",
                "index.js:1",
                "module.exports is CommonJS, and this file is an ES module by package.json",
            ),
            "rename the file: index.cjs",
        ),
        (
            {"index.js": "exports.handler = async () => {\n  if (x {\n}"},
            ("syntax", "index.js:2", "syntax error: ) is missing"),
            None,
        ),
        (
            {"index.js": "exports.handler = require('./b')", "b.js": "\n\nlet = = 1"},
            ("syntax", "b.js:3", "syntax error at ="),
            None,
        ),
        (
            {"index.js": "const b = require('./b')\nexports.handler = b"},
            ("handler", "index.js:1", "./b is not in the package"),
            None,
        ),
        (
            {"index.mjs": "import './b'\nexport const handler = 1", "b.mjs": ""},
            ("handler", "index.mjs:1", "there is no file ./b"),
            "import './b.mjs': ES modules are imported by their whole file name",
        ),
    ],
)
def test_a_mistake_in_javascript_is_named_with_its_place_and_remedy(
    look: Inspect,
    files: dict[str, str],
    finding: tuple[str, str | None, str],
    remedy: str | None,
) -> None:
    found = look(files)

    assert said(found) == [finding]
    assert found[0].remedy == remedy


def test_dependencies_that_are_not_installed_are_named_with_the_line_to_type(
    look: Inspect, tmp_path: Path
) -> None:
    needs = '{"dependencies": {"axios": "1", "left-pad": "1", "@types/node": "1", "uuid": "1"},'
    needs += ' "optionalDependencies": {"fsevents": "1"}, "devDependencies": {"jest": "1"}}'

    found = look(
        {
            "index.js": "const a = require('axios/lib/x')\nrequire('fs')\nexports.handler = a",
            "package.json": needs,
            "node_modules/uuid/index.js": "",
        }
    )

    assert said(found) == [
        ("dependency", "index.js:1", "axios is not in the package"),
        ("dependency", "package.json", "left-pad is not in the package"),
    ]
    assert {one.remedy for one in found} == {
        f"npm install --omit=dev --prefix {tmp_path}/src",
    }


@pytest.mark.parametrize(
    ("runtime", "code", "missing"),
    [
        ("nodejs20.x", "require('@aws-sdk/client-s3')", False),
        ("nodejs20.x", "require('aws-sdk')", True),
        ("nodejs16.x", "require('aws-sdk')", False),
        ("nodejs16.x", "require('@aws-sdk/client-s3')", True),
        ("nodejs20.x", "require('node:fs'); require('fs/promises')", False),
        ("nodejs20.x", "try { require('maybe') } catch {}", False),
        ("nodejs20.x", "const later = () => require('maybe')", False),
        ("nodejs20.x", "if (process.env.X) require('maybe')", False),
        ("nodejs20.x", "require(name); require('#inner')", False),
        ("nodejs20.x", "require('tslib')", False),
        ("nodejs20.x", "require('lib/own'); require('helper')", False),
    ],
)
def test_only_a_package_that_is_loaded_for_sure_has_to_be_there(
    look: Inspect, runtime: str, code: str, missing: bool
) -> None:
    own: dict[str, str | bytes] = {"lib/own.js": "", "helper.js": ""}

    found = look({"index.js": f"{code}\nexports.handler = 1", **own}, runtime=runtime)

    assert bool(found) is missing


def test_code_that_a_bundler_wrote_needs_no_packages(look: Inspect) -> None:
    needs = '{"dependencies": {"axios": "1"}}'

    assert look({"index.js": ESBUILD.replace("NAME", "handler"), "package.json": needs}) == []


# Python


@pytest.mark.parametrize(
    ("entry_point", "files"),
    [
        ("app.handler", {"app.py": "def handler(event, context): ..."}),
        ("app.handler", {"app.py": "async def handler(event, context): ..."}),
        ("app.handler", {"app.py": "handler = make()"}),
        ("app.handler", {"app.py": "a, (handler, b) = make()"}),
        ("app.handler", {"app.py": "class handler: ..."}),
        ("app.handler", {"app.py": "@wrap\ndef handler(event, context): ..."}),
        ("app.handler", {"app.py": "if A:\n    def handler(): ...\nelse:\n    handler = 1"}),
        ("app.handler", {"app.py": "try:\n    from a import handler\nexcept E:\n    pass"}),
        ("app.handler", {"app.py": "from b import x as handler", "b.py": ""}),
        ("app.handler", {"app.py": "from b import *", "b.py": ""}),
        ("app.handler", {"app.py": "globals()['handler'] = 1"}),
        ("app.handler", {"app.py": "def __getattr__(name): ..."}),
        ("app.handler", {"app.py": "import sys\nsys.modules[__name__] = x"}),
        ("app.handler", {"app.py": "with a as handler: ..."}),
        ("app.handler", {"app.py": "for handler in all: ..."}),
        ("pkg/mod.handler", {"pkg/mod.py": "def handler(): ..."}),
        ("pkg.mod.handler", {"pkg/mod.py": "def handler(): ..."}),
        ("pkg.handler", {"pkg/__init__.py": "from .mod import handler", "pkg/mod.py": ""}),
        ("app.handler", {"app.pyc": "x"}),
        ("app.handler", {"app.cpython-311-x86_64-linux-gnu.so": ELF}),
        ("app.handler", {"app.py": "# -*- coding: latin-1 -*-\n#é\nhandler = 1".encode("latin-1")}),
    ],
)
def test_a_handler_in_python_that_is_there_or_may_be_is_not_warned_of(
    look: Inspect, entry_point: str, files: dict[str, str | bytes]
) -> None:
    assert look(files, entryPoint=entry_point, runtime="python3.11") == []


@pytest.mark.parametrize(
    ("entry_point", "files", "finding", "remedy"),
    [
        (
            "app.handler",
            {"app.py": "def main(event, context): ..."},
            ("handler", "app.py", "app.py has no handler; it has main"),
            '"entryPoint": "app.main"',
        ),
        (
            "app.handler",
            {"src/app.py": "def handler(): ..."},
            ("handler", None, 'app.py is not in the package; entryPoint is "app.handler"'),
            '"entryPoint": "src/app.handler"',
        ),
        (
            "app.handler",
            {"App.py": "def handler(): ..."},
            ("handler", None, 'app.py is not in the package; entryPoint is "app.handler"'),
            '"entryPoint": "App.handler"',
        ),
        (
            "handler",
            {"app.py": "def handler(): ..."},
            ("handler", None, 'entryPoint "handler" names no function: it is FILE.FUNCTION'),
            '"entryPoint": "handler.handler"',
        ),
        (
            "app.handler",
            {"app.py": "from b import handler", "b.py": "\ndef handler(\n"},
            ("syntax", "b.py:2", "syntax error: '(' was never closed"),
            None,
        ),
        (
            "app.handler",
            {"app.py": "def handler():\nreturn 1"},
            (
                "syntax",
                "app.py:2",
                "syntax error: expected an indented block after function definition on line 1",
            ),
            None,
        ),
    ],
)
def test_a_mistake_in_python_is_named_with_its_place_and_remedy(
    look: Inspect,
    entry_point: str,
    files: dict[str, str],
    finding: tuple[str, str | None, str],
    remedy: str | None,
) -> None:
    version = f"python3.{min(sys.version_info[1], 14)}"

    found = look(files, entryPoint=entry_point, runtime=version)

    assert said(found) == [finding]
    assert found[0].remedy == remedy


NEWER = {
    "python3.10": "match x:\n    case 1: ...",
    "python3.12": "type Oak = int",
}


@pytest.mark.parametrize(("since", "code"), NEWER.items())
def test_syntax_is_judged_by_the_age_of_the_runtime(look: Inspect, since: str, code: str) -> None:
    files: dict[str, str | bytes] = {"app.py": f"handler = 1\n{code}"}
    knows = sys.version_info[1] >= int(since.removeprefix("python3."))

    new = look(files, entryPoint="app.handler", runtime=since)
    old = look(files, entryPoint="app.handler", runtime="python3.9")

    assert new == []
    assert [one.kind for one in old] == ["syntax"], knows


@pytest.mark.parametrize("code", ['f"{a["b"]}"', 'f"{"\\n".join(a)}"', 'f"{\na # b\n}"'])
def test_an_f_string_of_python_3_12_is_an_error_before(look: Inspect, code: str) -> None:
    files: dict[str, str | bytes] = {"app.py": f"handler = lambda a: {code}"}

    assert look(files, entryPoint="app.handler", runtime="python3.12") == []
    (found,) = look(files, entryPoint="app.handler", runtime="python3.9")

    assert (found.kind, found.file) == ("syntax", "app.py")


def test_requirements_that_are_not_installed_are_named_with_the_line_to_type(
    look: Inspect, tmp_path: Path
) -> None:
    found = look(
        {
            "app.py": "def handler(): ...",
            "requirements.txt": "requests[socks]>=2  # a comment\n-r more.txt\nboto3\n"
            "PyYAML; python_version < '3.8'\nwin; sys_platform == 'win32'\n--hash=x\n"
            "Foo.Bar_baz==1 \\\n    --hash=sha256:00\nhere\n",
            "more.txt": "-e git+https://example.com/oak#egg=Oak_Tree\n./local\n",
            "here-1.0.dist-info/METADATA": "",
        },
        entryPoint="app.handler",
        runtime="python3.11",
    )

    source = f"{tmp_path}/src"
    assert said(found) == [
        (
            "dependency",
            "requirements.txt",
            "requests, oak-tree, foo-bar-baz are not in the package",
        )
    ]
    assert found[0].remedy == (
        f"pip install --target {source} --platform manylinux2014_x86_64 --only-binary=:all:"
        f" --python-version 3.11 -r {source}/requirements.txt"
    )


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("import requests", True),
        ("from requests.auth import AuthBase", True),
        ("import boto3, json, distutils", False),
        ("import oak", False),
        ("from . import anything", False),
        ("try:\n    import requests\nexcept ImportError:\n    pass", False),
        ("def later():\n    import requests", False),
        ("import sys\nsys.path.append('/opt/x')\nimport requests", False),
    ],
)
def test_only_a_module_that_is_imported_for_sure_has_to_be_there(
    look: Inspect, code: str, missing: bool
) -> None:
    files: dict[str, str | bytes] = {"app.py": f"{code}\nhandler = 1", "oak/__init__.py": ""}

    found = look(files, entryPoint="app.handler", runtime="python3.11")

    wanted = [("dependency", f"app.py:{1}", "requests is not in the package")] if missing else []
    assert said(found) == wanted


def test_distributions_without_pips_folders_are_known_by_their_modules(look: Inspect) -> None:
    files: dict[str, str | bytes] = {
        "app.py": "handler = 1",
        "requirements.txt": "PyYAML\npython-dateutil\npsycopg2-binary\nPillow\nodd-name\n",
        "yaml/__init__.py": "",
        "dateutil/__init__.py": "",
        "psycopg2/__init__.py": "",
        "PIL/__init__.py": "",
        "strange/__init__.py": "",
    }

    assert look(files, entryPoint="app.handler", runtime="python3.11") == []


# Binaries


@pytest.mark.parametrize(
    ("name", "content", "built_for"),
    [
        ("core.cpython-311-darwin.so", MACHO, "macOS arm64"),
        ("core.cpython-312-x86_64-linux-gnu.so", ELF, "Python 3.12"),
        ("core.cpython-311-aarch64-linux-gnu.so", ELF_ARM, "Linux arm64"),
        ("core.cpython-311-x86_64-linux-musl.so", ELF, "Linux with musl"),
        ("core.cp311-win_amd64.pyd", b"MZ" + bytes(30), "Windows"),
        ("core.cpython-311-x86_64-linux-gnu.so", ELF, None),
        ("core.abi3.so", ELF, None),
        ("core.so", ELF, None),
    ],
)
def test_compiled_modules_of_python_have_to_be_for_the_runtime(
    look: Inspect, name: str, content: bytes, built_for: str | None
) -> None:
    files: dict[str, str | bytes] = {"app.py": "handler = 1", f"oak/{name}": content}

    found = look(files, entryPoint="app.handler", runtime="python3.11")

    runs = "and the function runs with Python 3.11 on Linux x86_64"
    wanted = [] if built_for is None else [f"oak was built for {built_for}, {runs}"]
    assert [one.message for one in found] == wanted


SHARP = {
    "package.json": '{"dependencies": {"sharp": "1"}}',
    "node_modules/sharp/package.json": '{"optionalDependencies": {"@img/sharp-linux-x64": "1"}}',
    "node_modules/@img/sharp-darwin-arm64/package.json": '{"os": ["darwin"]}',
    "node_modules/@img/sharp-darwin-arm64/lib/a.node": MACHO,
}


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({"node_modules/oak/build/Release/a.node": MACHO}, "oak"),
        ({"node_modules/oak/prebuilds/linux-x64/a.node": ELF}, None),
        (
            {
                "node_modules/oak/prebuilds/linux-x64/a.node": ELF,
                "node_modules/oak/prebuilds/darwin-arm64/a.node": MACHO,
                "node_modules/oak/prebuilds/linux-x64/a.musl.node": ELF,
            },
            None,
        ),
        (SHARP, "@img/sharp"),
        ({**SHARP, "node_modules/@img/sharp-linux-x64/lib/a.node": ELF}, None),
        ({**SHARP, "package.json": '{"dependencies": {}}'}, None),
        (
            {
                "node_modules/fsevents/package.json": '{"os": ["darwin"]}',
                "node_modules/fsevents/a.node": MACHO,
            },
            None,
        ),
    ],
)
def test_addons_of_node_have_to_be_for_linux(
    look: Inspect, files: dict[str, str | bytes], wrong: str | None
) -> None:
    found = look({"index.js": "exports.handler = 1", **files})

    runs = "was built for macOS arm64, and the function runs with Linux x86_64"
    assert [one.message for one in found] == ([] if wrong is None else [f"{wrong} {runs}"])


# Runtimes


def test_a_bootstrap_has_to_be_there_and_executable(look: Inspect, tmp_path: Path) -> None:
    fields = {"runtime": "provided.al2023", "entryPoint": "any"}

    missing = look({"main.sh": ""}, **fields)
    closed = look({"bootstrap": "#!/bin/sh\r\n"}, **fields)
    (tmp_path / "src" / "bootstrap").chmod(0o755)
    windows = look({}, **fields)
    right = look({"bootstrap": "#!/bin/sh\n"}, **fields)

    assert [one.kind for one in missing] == ["handler"]
    assert closed[0].message == "bootstrap is not executable"
    assert closed[0].remedy == f"chmod +x {tmp_path}/src/bootstrap"
    assert [one.place for one in windows] == ["bootstrap:1"]
    assert right == []


@pytest.mark.parametrize(
    ("runtime", "message", "remedy"),
    [
        ("python3.112", "there is no runtime python3.112", "did you mean python3.12?"),
        ("node20", "there is no runtime node20", "did you mean nodejs20.x?"),
        (
            "nodejs8.10",
            "nodejs8.10 cannot run: AWS retired it and never published an image of it",
            '"runtime": "nodejs24.x"',
        ),
    ],
)
def test_a_runtime_that_no_image_can_be_had_for_is_named(
    look: Inspect, runtime: str, message: str, remedy: str
) -> None:
    (found,) = look({"index.js": "exports.handler = 1"}, runtime=runtime)

    assert (found.kind, found.message, found.remedy) == ("runtime", message, remedy)


@pytest.mark.parametrize("runtime", ["java21", "dotnet8", "ruby3.3"])
def test_of_other_languages_nothing_is_said(look: Inspect, runtime: str) -> None:
    assert look({"any": ""}, runtime=runtime, entryPoint="example.Handler::handle") == []


def test_a_time_limit_over_30_seconds_rules_out_direct_execution(look: Inspect) -> None:
    files: dict[str, str | bytes] = {"index.js": "exports.handler = 1"}

    (found,) = look(files, timeLimit=31)

    assert found.kind == "time_limit"
    assert found.remedy == '"timeLimit": 30, or a task: taskdock tasks create oak --wait'
    assert look(files, timeLimit=30) == []


def test_a_program_between_the_runtime_and_the_handler_may_change_everything(
    look: Inspect,
) -> None:
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/datadog_wrapper"}

    assert look({"any.js": ""}, environment=wrapper) == []


@pytest.mark.parametrize(
    ("entry_point", "file", "remedy"),
    [
        ("build/index", "index.js", '"entryPoint": "index.handler"'),
        ("build/index", "build/index.js", '"entryPoint": "build/index.handler"'),
        ("build/index.handler", "index.js", '"entryPoint": "index.handler"'),
        ("../index.handler", "index.js", '"entryPoint": "index.handler"'),
    ],
)
def test_a_handler_is_named_from_the_folder_that_is_packed(
    look: Inspect, entry_point: str, file: str, remedy: str
) -> None:
    (found,) = look({file: "exports.handler = 1"}, entryPoint=entry_point)

    assert (found.kind, found.remedy) == ("handler", remedy)


def test_a_module_may_be_there_for_several_pythons(look: Inspect) -> None:
    files: dict[str, str | bytes] = {
        "app.py": "handler = 1",
        "oak/core.cpython-311-x86_64-linux-gnu.so": ELF,
        "oak/core.cpython-312-x86_64-linux-gnu.so": ELF,
        "oak/core.cpython-311-darwin.so": MACHO,
    }

    assert look(files, entryPoint="app.handler", runtime="python3.11") == []


# Code that is hard to read on purpose


def test_assignments_in_each_other_without_end_are_passed_over(look: Inspect) -> None:
    code = "exports.handler = module.exports=" + "module.exports=" * 1500 + "1"

    assert look({"index.js": code}) == []


def test_blank_lines_are_read_in_the_time_of_their_number(look: Inspect) -> None:
    """In the time of its square, this would be hours."""
    code = "\n" * 1_000_000 + "exports.handler = ("

    assert [one.kind for one in look({"index.js": code})] == ["syntax"]


def test_a_link_to_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "index.js").symlink_to("pipe")

    assert Contents(tmp_path, ["index.js"], has_links=True).text("index.js") is None


def test_a_package_json_that_is_nested_without_end_says_nothing(look: Inspect) -> None:
    files = {"index.js": "exports.handler = 1", "package.json": '{"type": ' + "[" * 100_000}

    assert look(files) == []
