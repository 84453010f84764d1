"""Nonces: each counts once, for as long as a request with it could come again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from emulator.web.oauth1 import Nonces

START = 1_700_000_000
LONGEST = 1200  # seconds between the oldest and the newest timestamp that are taken at one time


@pytest.mark.parametrize("later", [0, 1, 600, 601, LONGEST])
def test_a_nonce_counts_once_however_much_newer_others_are(later):
    nonces = Nonces()
    assert nonces.use("walnut", START)
    assert nonces.use("oak", START + later)

    assert not nonces.use("walnut", START)
    assert not nonces.use("oak", START + later)


def test_a_nonce_counts_once_also_behind_one_that_is_older():
    nonces = Nonces()
    for number, timestamp in enumerate([START, START - 600, START + 600, START - 1]):
        assert nonces.use(number, timestamp)

    assert [nonces.use(number, START) for number in range(4)] == [False] * 4


def test_what_is_refused_for_its_age_is_not_kept():
    nonces = Nonces()
    for second in range(2 * LONGEST):
        nonces.use(second, START + second)

    assert len(nonces._used) == len(nonces._by_arrival) == LONGEST + 1


def test_of_many_that_use_a_nonce_at_once_one_does():
    nonces, together = Nonces(), threading.Barrier(8, timeout=20)

    def use(_):
        together.wait()
        return [nonces.use(number, START) for number in range(200)]

    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(use, range(8)))

    assert [sum(each) for each in zip(*used, strict=True)] == [1] * 200
