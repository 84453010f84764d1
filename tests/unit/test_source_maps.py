"""Places of built files, led back to what they were built from."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from taskdock.client.failures.failed_run import FailedRun, UnknownFiles
from taskdock.client.failures.frames import Frame, own_frame
from taskdock.client.failures.gathering import local_file
from taskdock.client.failures.source_maps import Original, original

MAP = {
    "version": 3,
    "sources": ["../src/index.ts", "../node_modules/dependency/index.js"],
    "sourcesContent": ["// first\n\n  throw new Error();\n", None],
    # Line 2: from column 0 on line 1 of the first, from column 8 on line 3 of that, and from column
    # 40 on line 1 of the second. Line 3: line 1 of the second.
    "mappings": ";AAAA,QAEA,gCCFA;AAAA",
}
FILES = {"dist/index.js": "built\n", "dist/index.js.map": json.dumps(MAP)}


@pytest.mark.parametrize(
    ("line", "column", "place"),
    [
        (2, 1, Original("src/index.ts", 1, "// first")),
        (2, 8, Original("src/index.ts", 1, "// first")),
        (2, 9, Original("src/index.ts", 3, "throw new Error();")),
        (2, 41, Original("node_modules/dependency/index.js", 1, "")),
        (3, 1, Original("node_modules/dependency/index.js", 1, "")),
        (1, 1, None),
        (9, 1, None),
    ],
)
def test_a_place_is_that_of_the_last_mapping_before_it(
    line: int, column: int, place: Original | None
) -> None:
    assert original(FILES.get, "dist/index.js", line, column) == place


def test_a_map_may_be_inside_the_built_file() -> None:
    inline = base64.b64encode(json.dumps(MAP).encode()).decode()
    text = f"built\n//# sourceMappingURL=data:application/json;base64,{inline}\n"

    found = original({"index.js": text}.get, "index.js", 2, 9)

    assert found == Original("../src/index.ts", 3, "throw new Error();")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"mappings": "!", "sources": []}', '{"mappings": ";AAAA"}', "null"]
)
def test_what_is_no_map_leads_nowhere(text: str) -> None:
    assert original({"index.js.map": text}.get, "index.js", 2, 9) is None


def test_a_file_beside_the_folder_that_is_packed_is_found_here(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.ts").touch()

    assert local_file(tmp_path / "dist", "../src/index.ts", tmp_path) == "src/index.ts"
    assert local_file(tmp_path / "dist", "../src", tmp_path) is None


class Built(UnknownFiles):
    def text(self, name: str) -> str | None:
        return FILES.get(name)


def test_the_place_of_a_failure_is_in_the_authors_own_file() -> None:
    failed = FailedRun(
        name="Error",
        message="",
        trace=(
            "    at inner (/var/task/dist/index.js:3:1)",
            "    at handler (/var/task/dist/index.js:2:9)",
        ),
        runtime="nodejs22.x",
        code=Built(),
    )

    assert own_frame(failed) == Frame("src/index.ts", 3, "handler", "throw new Error();")
