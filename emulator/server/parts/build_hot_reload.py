"""Builds the part that gives functions the contents of the folders that they follow."""

from __future__ import annotations

import hashlib

from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.zips.hot_folders import HotFolders
from taskdock.lambdas.functions.zips.hot_reload import HotReload
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits


def build_hot_reload(
    folders: HotFolders, catalog: Catalog, health: Health, notices: Notices
) -> HotReload:
    return HotReload(
        folders=folders,
        sources=lambda: _sources(catalog),
        switch=lambda name, source, zipped: _switch(catalog, name, source, zipped),
        health=health,
        notices=notices,
    )


def _sources(catalog: Catalog) -> dict[str, str]:
    """The folders that functions follow, by the functions' names."""
    found = {function.name: function.annotations.source for function in catalog.all()}
    return {name: source for name, source in found.items() if source is not None}


def _switch(catalog: Catalog, name: str, source: str, zipped: bytes) -> None:
    """Gives the function the folder's content, unless it has that, or follows it no more."""
    function = catalog.find(name)
    digest = hashlib.sha256(zipped).hexdigest()
    if function is None or function.annotations.source != source or function.code == digest:
        return
    catalog.update(
        name,
        zipped=zipped,
        max_zipped=ZipLimits().unzipped,
        by=function.deployers,
        annotated={"source": source},
    )
