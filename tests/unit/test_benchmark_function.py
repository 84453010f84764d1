"""The forms in which contenders take a function."""

import base64
import io
import json
import stat
import tarfile
import zipfile

from benchmarks.fidelity.cases import CASES
from benchmarks.fidelity.cases.deployment import _variables
from benchmarks.function import ARCHITECTURE, Function, create_request
from benchmarks.sam import rapid_image

FUNCTION = Function({"app.py": "code", "tool": b"\x7fELF"}, modes={"tool": 0o640})
LACKING = {"names", "container", "deployment", "zip"}  # what a contender may lack


def test_a_zip_has_the_files_with_their_permissions():
    with zipfile.ZipFile(io.BytesIO(FUNCTION.zipped())) as archive:
        modes = {one.filename: one.external_attr >> 16 for one in archive.infolist()}
        content = archive.read("tool")

    assert modes == {"app.py": stat.S_IFREG | 0o755, "tool": stat.S_IFREG | 0o640}
    assert content == b"\x7fELF"


def test_a_package_is_deployed_as_it_is():
    body = create_request("greet", Function({}, package=b"any bytes"))

    assert base64.b64decode(body["Code"]["ZipFile"]) == b"any bytes"


def test_a_folder_has_the_files_with_their_permissions(tmp_path):
    FUNCTION.write(tmp_path)

    assert stat.S_IMODE((tmp_path / "tool").stat().st_mode) == 0o640
    assert (tmp_path / "app.py").read_text() == "code"


def test_an_image_is_asked_for_by_its_name_and_config_alone():
    function = Function({}, recipe="CMD x", image_config={"EntryPoint": ["/x"]})

    body = create_request("greet", function, "made:latest", architectures=False)

    assert body["Code"] == {"ImageUri": "made:latest"}
    assert body["ImageConfig"] == {"EntryPoint": ["/x"]}
    assert not {"Runtime", "Handler", "Architectures"} & body.keys()


def test_an_image_is_built_of_the_recipe_behind_its_base():
    packed = Function({"app.py": "code"}, recipe="COPY app.py /").build_context("base")

    with tarfile.open(fileobj=packed) as archive:
        recipe = archive.extractfile("Dockerfile").read()
        assert archive.getnames() == ["Dockerfile", "app.py"]
    assert recipe == b"FROM base\nCOPY app.py /"


def test_the_image_that_sam_makes_of_one_is_known_by_name():
    assert rapid_image("made:latest") == f"made:rapid-{ARCHITECTURE}"
    assert rapid_image(f"aws/python:3.11-{ARCHITECTURE}") == f"aws/python:3.11-rapid-{ARCHITECTURE}"


def test_variables_of_a_wanted_size_have_it_as_json_and_less_without():
    variables = _variables(4097)["Variables"]

    assert len(json.dumps(variables, separators=(",", ":"))) == 4097
    assert sum(len(name) + len(value) for name, value in variables.items()) < 4000


def test_a_case_needs_nothing_but_what_a_contender_may_lack():
    assert {case.needs for case in CASES} - {""} <= LACKING
