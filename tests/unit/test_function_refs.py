"""References to functions: name and qualifier, and the fingerprint that they lead to."""

import pytest

from taskdock.base.errors import NotFound
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.code import CodeStore
from taskdock.lambdas.functions.reference import LATEST, FunctionRef
from taskdock.store.database import Store
from taskdock.testing.clock import ManualClock


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "taskdock.sqlite")
    yield store
    store.close()


@pytest.fixture
def catalog(store, tmp_path):
    return open_catalog(store, tmp_path)


def open_catalog(store, tmp_path):
    return Catalog(store=store, code=CodeStore(tmp_path / "code"), clock=ManualClock())


def test_a_name_alone_and_its_latest_lead_to_the_same_function(catalog):
    oak = catalog.deploy("oak", image="oak:1")

    assert FunctionRef("oak") == FunctionRef("oak", LATEST)
    assert catalog.resolve(FunctionRef("oak")) is catalog.find("oak")
    assert catalog.find("oak") == oak


@pytest.mark.parametrize(
    "ref", [FunctionRef("elm"), FunctionRef("oak", "7"), FunctionRef("oak", "")]
)
def test_a_reference_to_what_is_not_there_leads_nowhere(catalog, ref):
    catalog.deploy("oak", image="oak:1")

    assert catalog.resolve(ref) is None


def test_the_live_fingerprints_follow_each_change_of_a_function(catalog):
    live = catalog.live  # as who looks at it later has it
    first = catalog.deploy("oak", image="oak:1")
    deployed = dict(live)
    second = catalog.update("oak", memory_limit=256)
    changed = dict(live)
    catalog.update("oak", description="of oak")
    described = dict(live)
    catalog.delete("oak")

    assert first.fingerprint != second.fingerprint
    assert deployed == {"oak": {first.fingerprint}}
    assert changed == described == {"oak": {second.fingerprint}}
    assert dict(live) == {}


def test_a_change_that_fails_changes_no_fingerprint(catalog):
    oak = catalog.deploy("oak", image="oak:1")

    with pytest.raises(NotFound):
        catalog.update("elm", memory_limit=256)

    assert dict(catalog.live) == {"oak": {oak.fingerprint}}


def test_fingerprints_are_live_after_the_next_start_too(catalog, store, tmp_path):
    oak = catalog.deploy("oak", image="oak:1")

    assert dict(open_catalog(store, tmp_path).live) == {"oak": {oak.fingerprint}}
