"""What taskdock knows of AWS's Lambda API is what AWS has published, and it serves just that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from botocore.loaders import Loader

from taskdock.web.lambda_api.model import description as model
from taskdock.web.lambda_api.model import validation

ROOT = Path(__file__).parent.parent.parent


def test_the_description_is_that_of_the_pinned_botocore() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "extract-lambda-model"), "--check"]

    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert checked.returncode == 0, checked.stderr


def test_every_operation_is_found_by_a_request_of_it() -> None:
    published = Loader().load_service_model("lambda", "service-2")["operations"]

    for name, operation in published.items():
        path, _, query = operation["http"]["requestUri"].partition("?")
        for variable in ("{FunctionName}", "{Resource}", "{UUID}", "{Name}"):
            path = path.replace(variable, "oak")
        found = model.at(operation["http"]["method"], path)
        assert found is not None, name
        assert query or found.name == name or "?" in found.path, (name, found)


@pytest.mark.parametrize(
    "name", [each.name for each in model.operations().values() if each.request is not None]
)
def test_every_rule_of_what_is_served_can_be_checked(name: str) -> None:
    """Its patterns are Java's; each has to mean something to Python."""
    seen: set[str] = set()

    def visit(shape: str) -> None:
        if shape in seen:
            return
        seen.add(shape)
        described = model.shape(shape)
        assert described.type in validation.TYPES, shape
        validation.constraints(described)
        for each in (*described.members.values(), described.member, described.key, described.value):
            if each:
                visit(each)

    request = model.operations()[name].request
    assert request is not None
    visit(request)
    assert r"\p{" not in "".join(
        validation.translated(model.shape(each).pattern or "") for each in seen
    )
