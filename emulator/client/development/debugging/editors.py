"""Settings of editors that attach to a debugged function, with its paths mapped. Pure.

VS Code: https://code.visualstudio.com/docs/python/debugging and
https://code.visualstudio.com/docs/nodejs/nodejs-debugging. JetBrains: "Attach to DAP" of PyCharm
from 2025.3 on (https://www.jetbrains.com/help/pycharm/run-debug-configuration-attach-to-dap.html)
and "Attach to Node.js/Chrome" of WebStorm.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from taskdock.client.development.debugging.sources import FunctionSource

Json = dict[str, Any]
_REMOTE = "/var/task"
_VS_CODE, _JETBRAINS = "${workspaceFolder}", "$PROJECT_DIR$"


def title(name: str) -> str:
    return f"taskdock: {name}"


def vs_code(source: FunctionSource, session: Json, project: Path) -> Json:
    """An entry of `configurations` in .vscode/launch.json. `session`: as the server has it."""
    local = _shown(source.folder or project, project, _VS_CODE)
    common = {"name": title(source.name), "request": "attach"}
    if session["language"] == "python":
        return {
            **common,
            "type": "debugpy",
            "connect": {"host": session["host"], "port": session["port"]},
            "pathMappings": [{"localRoot": local, "remoteRoot": _REMOTE}],
            "justMyCode": True,
            "restart": True,
        }
    above = _shown((source.folder or project).parent, project, _VS_CODE)
    built_in = _shown(source.project or project, project, _VS_CODE)
    return {
        **common,
        "type": "node",
        "address": session["host"],
        "port": session["port"],
        "localRoot": local,
        "remoteRoot": _REMOTE,
        "restart": True,
        "sourceMaps": True,
        "outFiles": [f"{local}/**/*.(m|c|)js", "!**/node_modules/**"],
        "resolveSourceMapLocations": [f"{local}/**", "!**/node_modules/**"],
        "sourceMapPathOverrides": {
            "webpack:///./*": f"{built_in}/*",
            "webpack:///*": f"{built_in}/*",
            f"{_REMOTE}/*": f"{local}/*",
            "/var/*": f"{above}/*",
        },
        "skipFiles": ["<node_internals>/**", "/var/runtime/**"],
    }


def jetbrains(source: FunctionSource, session: Json, project: Path) -> str:
    """The content of a file in .idea/runConfigurations."""
    local = _shown(source.folder or project, project, _JETBRAINS)
    name = quoteattr(title(source.name))
    if session["language"] == "python":
        address = quoteattr(f"{session['host']}:{session['port']}")
        head = f'name={name} type="PythonDapAttachConfiguration"'
        body = f"""    <option name="remoteAddress" value={address} />
    <PathMappingSettings>
      <option name="pathMappings">
        <list>
          <mapping local-root={quoteattr(local)} remote-root="{_REMOTE}" />
        </list>
      </option>
    </PathMappingSettings>"""
    else:
        head = (
            f'name={name} type="ChromiumRemoteDebugType" factoryName="Chromium Remote"'
            f' host="{session["host"]}" port="{session["port"]}" restartOnDisconnect="true"'
        )
        body = f'    <mapping local-file={quoteattr(local)} url="file://{_REMOTE}" />'
    return f"""<component name="ProjectRunConfigurationManager">
  <configuration default="false" {head}>
{body}
    <method v="2" />
  </configuration>
</component>
"""


def jetbrains_file(name: str) -> str:
    """The file's name, as JetBrains' editors make it of a configuration's."""
    return re.sub(r"[^A-Za-z0-9-]", "_", title(name)) + ".xml"


def _shown(folder: Path, project: Path, variable: str) -> str:
    """A folder in terms of the project, so that the settings can be shared."""
    if folder == project:
        return variable
    if folder.is_relative_to(project):
        return f"{variable}/{folder.relative_to(project).as_posix()}"
    return folder.as_posix()
