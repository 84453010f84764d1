"""Shows what deployments would send. No server is asked, and no variable of the caller read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from taskdock.base.errors import TaskdockError
from taskdock.client.api import Json
from taskdock.client.console import output
from taskdock.client.deployment import package, task_config
from taskdock.client.deployment.package import PackageLimits
from taskdock.client.deployment.packing.listing import PackageList

_LIMITS = PackageLimits()


def show(files: Sequence[Path | None], given: Mapping[str, object], *, as_json: bool) -> None:
    """Prints a list for each task-config.json. `given`: as for `task_config.read`.

    One that cannot be read does not keep back the others. Raises the `TaskdockError` of the only
    one, or of the last.
    """
    failure: TaskdockError | None = None
    documents: list[Json] = []
    for number, file in enumerate(files):
        try:
            found = _list_of(file, given)
        except TaskdockError as error:
            if failure is not None:
                output.note(f"failed   {failure.message}")
            failure = error
            continue
        if found is None:
            output.note(f"{given.get('name') or file} is a container image: nothing is packed")
            continue
        documents.append(found.as_json())
        if not as_json:
            output.plain("\n" * (number > 0) + "\n".join(found.lines()))
    if as_json:
        output.document(documents)
    if failure is not None:
        raise failure


def _list_of(file: Path | None, given: Mapping[str, object]) -> PackageList | None:
    """None for a container image."""
    config = task_config.read(
        file, given=given, environment={}, caller_environment=_Any(), allow=lambda *_: None
    )
    # A package that is too big is shown, too: the list tells what makes it big.
    boundless = replace(_LIMITS, unpacked=1 << 62)
    selection = config.selection(file.parent if file else Path(), boundless)
    if selection is None:
        return None
    zipped = package.zipped_size(selection, _LIMITS)
    return PackageList(name=config.name, selection=selection, zipped=zipped, limits=_LIMITS)


class _Any(dict[str, str]):
    """An environment in which each variable is set, since none is used."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""
