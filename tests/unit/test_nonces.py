"""Nonces: each counts once, for as long as a request with it could come again."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from taskdock.base.errors import ForeignFile
from taskdock.base.health import Health
from taskdock.web.access.nonces import NonceLimits, Nonces

START = 1_700_000_000
LIFETIME = 600
LONGEST = 2 * LIFETIME  # seconds between the oldest and the newest that are taken at one time
ADA, BEN = "key ada", "key ben"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "nonces"


@pytest.mark.parametrize("later", [0, 1, 600, 601, LONGEST])
def test_a_nonce_counts_once_however_much_newer_others_are(later):
    nonces = Nonces(LIFETIME)
    assert nonces.use(ADA, START, "walnut")
    assert nonces.use(ADA, START + later, "oak")

    assert not nonces.use(ADA, START, "walnut")
    assert not nonces.use(ADA, START + later, "oak")


def test_a_nonce_counts_once_also_behind_one_that_is_older():
    nonces = Nonces(LIFETIME)
    for number, timestamp in enumerate([START, START - 600, START + 600, START - 1]):
        assert nonces.use(ADA, timestamp, str(number))

    for number, timestamp in enumerate([START, START - 600, START + 600, START - 1]):
        assert not nonces.use(ADA, timestamp, str(number))


def test_what_is_refused_for_its_age_is_not_kept():
    nonces = Nonces(LIFETIME)
    for second in range(2 * LONGEST):
        nonces.use(ADA, START + second, "walnut")

    assert nonces._count == LONGEST + 1


def test_of_many_that_use_a_nonce_at_once_one_does(file):
    nonces, together = Nonces(LIFETIME, file), threading.Barrier(8, timeout=20)

    def use(_):
        together.wait()
        return [nonces.use(ADA, START, str(number)) for number in range(200)]

    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(use, range(8)))
    nonces.close()

    assert [sum(each) for each in zip(*used, strict=True)] == [1] * 200


def test_a_nonce_is_known_after_the_end_of_the_process_that_took_it(file):
    killed = Nonces(LIFETIME, file, START)  # it is not closed
    assert killed.use(ADA, START, "walnut")

    again = Nonces(LIFETIME, file, START + 1)

    assert not again.use(ADA, START, "walnut")
    assert again.use(BEN, START, "walnut")
    assert again.use(ADA, START, "oak")


def test_a_flood_is_felt_by_its_own_sender_alone(file):
    nonces = Nonces(LIFETIME, file, START, limits=NonceLimits(per_sender=100))
    assert nonces.use(BEN, START, "walnut")
    for number in range(300):
        assert nonces.use(ADA, START + number, "oak")

    assert nonces._count == 101
    assert not nonces.use(ADA, START + 1, "elm")  # as old as what was forgotten
    assert nonces.use(BEN, START + 1, "elm")
    assert not nonces.use(BEN, START, "walnut")


def test_what_a_flood_had_forgotten_is_refused_after_a_restart_too(file):
    limits = NonceLimits(per_sender=10, slack=0)
    nonces = Nonces(LIFETIME, file, START, limits=limits)
    for number in range(300):
        nonces.use(ADA, START + number, "oak")

    again = Nonces(LIFETIME, file, START + 300, limits=limits)

    assert not any(again.use(ADA, START + number, "oak") for number in range(300))
    assert again.use(ADA, START + 300, "oak")


def test_all_senders_together_are_bounded():
    nonces = Nonces(LIFETIME, limits=NonceLimits(in_all=50, senders=20))

    for number in range(200):
        nonces.use(f"key {number}", START + number, "oak")

    assert nonces._count <= 50
    assert len(nonces._senders) == 20
    assert not any(nonces.use(f"key {number}", START + number, "oak") for number in range(200))


def test_the_file_does_not_grow_without_end(file):
    nonces = Nonces(LIFETIME, file, START, limits=NonceLimits(slack=1000))

    for number in range(10_000):
        assert nonces.use(ADA, START + number, "oak")
        assert file.stat().st_size < 2 * 20 * 3 * LONGEST + 1000

    again = Nonces(LIFETIME, file, START + 10_000)
    assert not again.use(ADA, START + 9_999, "oak")


@pytest.mark.parametrize("rubbish", [b"", b"x", b"\xff" * 1000, os.urandom(2019)])
def test_a_damaged_file_costs_nothing_that_comes_later(file, rubbish):
    file.write_bytes(rubbish)
    nonces = Nonces(LIFETIME, file, START)

    assert nonces.use(ADA, START, "walnut")
    nonces.close()

    assert not Nonces(LIFETIME, file, START).use(ADA, START, "walnut")


def test_where_the_disk_is_full_a_nonce_still_counts_once(file, monkeypatch):
    nonces = Nonces(LIFETIME, file, START)

    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "write", full)

    assert nonces.use(ADA, START, "walnut")
    assert not nonces.use(ADA, START, "walnut")


def test_a_nonce_that_cannot_be_written_is_told_until_one_can_be(file, monkeypatch):
    health = Health()
    nonces = Nonces(LIFETIME, file, START, health)

    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as now:
        now.setattr(os, "write", full)
        assert nonces.use(ADA, START, "walnut")
    (trouble,) = health.troubles()
    assert nonces.use(ADA, START, "oak")

    assert "no space left on device" in trouble.reason
    assert trouble.degraded
    assert health.troubles() == []


@pytest.mark.parametrize("kind", ["link", "fifo", "second name", "folder"])
def test_what_is_no_plain_file_of_ours_is_not_opened(file, tmp_path, kind):
    target = tmp_path / "target"
    target.write_text("mine")
    match kind:
        case "link":
            file.symlink_to(target)
        case "fifo":
            os.mkfifo(file)
        case "second name":
            file.hardlink_to(target)
        case "folder":
            file.mkdir()

    with pytest.raises(ForeignFile, match="nonces"):
        Nonces(LIFETIME, file, START)

    assert target.read_text() == "mine"


def test_the_file_is_its_owners_alone(file):
    Nonces(LIFETIME, file, START).close()

    assert file.stat().st_mode & 0o777 == 0o600
