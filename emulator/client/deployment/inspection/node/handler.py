"""Functions in JavaScript, read and not run: the handler, the kind of module, and syntax errors.

Lambda's runtime client splits the last part of the handler at its first dot; the file is that name
alone, or with .js, .mjs or .cjs, in this order, and last what `require` finds for the name without
its folders (aws/aws-lambda-nodejs-runtime-interface-client, `UserFunction.js`).
Node.js on Lambda does not guess a file's kind of module: package.json says it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import PackageFinding
from taskdock.client.deployment.inspection.node import entry_points, manifest, parser
from taskdock.client.deployment.inspection.node.script import Script

_TYPESCRIPT = (".ts", ".mts", ".cts", ".tsx")
_RESOLVED = ("", ".js", ".json", ".node", ".cjs", ".mjs", "/index.js", "/index.json", "/index.node")
_TOPS = ("node_modules/", "")
_MOST_FILES = 200


class NodeCode:
    """The handler's file and the package's own files that it loads."""

    def __init__(self, contents: Contents, handler: str, *, modern: bool = False) -> None:
        """`modern`: options of Node.js are set, which may let it guess a file's kind of module."""
        self._modern = modern
        self._contents = contents
        self._handler = handler
        self.scripts: dict[str, Script] = {}
        """Every own file that was read, the handler's first."""
        self.findings: list[PackageFinding] = []

    def inspect(self) -> None:
        folder, base = posixpath.split(self._handler)
        stem, dot, function = base.partition(".")
        if not dot or not function or ".." in self._handler:
            self._say("handler", *self._malformed())
            return
        path = posixpath.join(folder, stem)
        file = entry_points.file_of(self._contents, path)
        if file is None:
            self._judge_missing(path, function)
            return
        self._read_all(file)
        if not any(one.kind in ("syntax", "module") for one in self.findings):
            self._judge_function(file, function)

    def _say(
        self,
        kind: str,
        message: str,
        remedy: str | None = None,
        at: tuple[str, int | None] = ("", None),
    ) -> None:
        file, line = at
        finding = PackageFinding(
            kind=kind, message=message, file=file or None, line=line, remedy=remedy
        )
        self.findings.append(finding)

    def _malformed(self) -> tuple[str, str]:
        handler = self._handler
        if ".." in handler:
            remedy = f'"entryPoint": "{handler.lstrip("./")}"'
            return f'entryPoint "{handler}" may not have ".." in it', remedy
        message = f'entryPoint "{handler}" names no function: it is FILE.FUNCTION'
        return message, f'"entryPoint": "{entry_points.proposed(self._contents, handler)}"'

    # The handler's file

    def _judge_missing(self, path: str, function: str) -> None:
        contents = self._contents
        base = posixpath.basename(path)
        if any(contents.has_folder(f"{top}{one}") for one in (path, base) for top in _TOPS):
            return  # Node.js looks there too, by rules of its own
        typed = next((path + end for end in _TYPESCRIPT if contents.has(path + end)), None)
        if typed is not None:
            message = f"{typed} is TypeScript, which Lambda does not run; {path}.js is missing"
            self._say("typescript", message, _COMPILE, (typed, None))
            return
        sources = [name for name in self._own_names() if name.endswith(_TYPESCRIPT)]
        scripts = list(filter(entry_points.is_source, self._own_names()))
        if sources and not scripts:
            message = f"{path}.js is not in the package, which has TypeScript only"
            self._say("typescript", message, _COMPILE, (min(sources), None))
            return
        message = f'{path}.js is not in the package; entryPoint is "{self._handler}"'
        self._say("handler", message, self._elsewhere(path, function, scripts))

    def _own_names(self) -> Iterator[str]:
        return (name for name in self._contents.names if "node_modules/" not in name)

    def _elsewhere(self, path: str, function: str, scripts: list[str]) -> str | None:
        near = next(
            (one for end in entry_points.ENDINGS[1:] if (one := self._contents.near(path + end))),
            None,
        )
        base = posixpath.basename(path)
        same = [one for one in scripts if posixpath.splitext(posixpath.basename(one))[0] == base]
        found = [near] if near else sorted(same, key=lambda name: (name.count("/"), name))
        if not found:
            return None
        return f'"entryPoint": "{posixpath.splitext(found[0])[0]}.{function}"'

    # The files that it loads

    def _read_all(self, file: str) -> None:
        waiting = [file]
        while waiting and len(self.scripts) < _MOST_FILES:
            name = waiting.pop(0)
            if name in self.scripts or "node_modules/" in name or not _is_script(name):
                continue
            source = self._contents.text(name)
            if source is None:
                continue
            script = self.scripts[name] = parser.read(source)
            self._judge_script(name, script)
            for wanted, line in script.imports.items():
                if wanted.startswith(("./", "../")):
                    waiting.extend(self._follow(name, wanted, line))

    def _follow(self, file: str, wanted: str, line: int) -> list[str]:
        """The file that a relative import names, if it is there."""
        is_module = manifest.is_module(self._contents, file)
        # An ES module's imports are URLs.
        name = unquote(re.split(r"[?#]", wanted)[0]) if is_module else wanted
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
        if path.startswith(".."):
            return []
        for end in ("",) if is_module else _RESOLVED:
            if self._contents.has(path + end):
                return [posixpath.normpath(path + end)]
        if not is_module and self._contents.has(posixpath.join(path, "package.json")):
            return []
        whole = next((end for end in _RESOLVED[1:] if self._contents.has(path + end)), None)
        if is_module and whole:
            remedy = f"import '{wanted}{whole}': ES modules are imported by their whole file name"
            self._say("handler", f"there is no file {wanted}", remedy, (file, line))
        else:
            self._say("handler", f"{wanted} is not in the package", None, (file, line))
        return []

    def _judge_script(self, file: str, script: Script) -> None:
        if script.error is not None:
            message = f"syntax error{script.error_near}"
            self._say("syntax", message, None, (file, script.error))
        elif self._modern:
            return
        elif manifest.is_module(self._contents, file):
            own = script.common_name.split(".", 1)[0] in script.own_names
            if script.is_common is not None and not own and not script.bundled:
                self._judge_common_in_module(file, script)
        elif script.is_module is not None:
            message = "import and export are for ES modules, and this file is CommonJS"
            if file.endswith(".cjs"):
                remedy = f"rename the file: {posixpath.basename(file)[:-4]}.mjs"
            else:
                name = manifest.type_near(self._contents, file)[0] or manifest.NAME
                remedy = f'"type": "module" in {name}'
                remedy += f", or {posixpath.basename(file).removesuffix('.js')}.mjs as its name"
            self._say("module", message, remedy, (file, script.is_module))

    def _judge_common_in_module(self, file: str, script: Script) -> None:
        because = (
            "by its name"
            if file.endswith(".mjs")
            else f"by {manifest.type_near(self._contents, file)[0]}"
        )
        message = f"{script.common_name} is CommonJS, and this file is an ES module {because}"
        renamed = f"{posixpath.splitext(posixpath.basename(file))[0]}.cjs"
        self._say("module", message, f"rename the file: {renamed}", (file, script.is_common))

    # The handler's function

    def _judge_function(self, file: str, function: str) -> None:
        script = self.scripts.get(file)
        wanted = function.split(".", 1)[0]
        if script is None:
            return
        names = self._exports(file, set())
        if names is None or wanted in names:
            return
        shown = sorted(name for name in names if name not in ("default", "__esModule"))
        has = f"it exports {', '.join(shown[:3])}" if shown else "it exports nothing by name"
        if names == {"default"}:
            has = "its only export is the default"
        remedy = None
        if len(shown) == 1:
            stem = posixpath.splitext(file)[0]
            remedy = f'"entryPoint": "{stem}.{shown[0]}"'
        elif manifest.is_module(self._contents, file):
            remedy = f"export const {wanted} = ..."
        else:
            remedy = f"exports.{wanted} = ..."
        self._say("handler", f"{file} does not export {wanted}; {has}", remedy, (file, None))

    def _exports(self, file: str, seen: set[str]) -> set[str] | None:
        """The names that a file exports. None: reading cannot tell."""
        script = self.scripts.get(file)
        if script is None or script.open or script.error is not None or file in seen:
            return None
        if not manifest.is_module(self._contents, file):
            return script.exports
        names = set(script.exports) if script.is_module is not None else set()
        for star in script.stars:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file), star))
            more = self._exports(path, {*seen, file}) if star.startswith(".") else None
            if more is None:
                return None
            names |= more - {"default"}
        return names


_COMPILE = 'compile it, and let "path" name the folder of the JavaScript: npx tsc --outDir build'


def _is_script(name: str) -> bool:
    return entry_points.is_source(name) or "." not in posixpath.basename(name)
