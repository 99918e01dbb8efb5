"""The memory of keys: each is claimed once, and what is kept is bounded in number and time."""

from __future__ import annotations

import threading

from edurelay_client.receiver import Claim, SeenInMemory


def test_a_key_is_claimed_once_until_it_is_released() -> None:
    seen = SeenInMemory()
    assert [seen.claim("a"), seen.claim("a")] == [Claim.NEW, Claim.UNDER_WAY]
    seen.release("a")
    assert seen.claim("a") is Claim.NEW
    seen.keep("a")
    assert [seen.claim("a"), seen.claim("b")] == [Claim.DONE, Claim.NEW]


def test_the_oldest_are_forgotten_where_there_are_too_many() -> None:
    seen = SeenInMemory(most=2)
    for key in "abc":
        assert seen.claim(key) is Claim.NEW
        seen.keep(key)
    assert [seen.claim(key) for key in "cba"] == [Claim.DONE, Claim.DONE, Claim.NEW]


def test_what_is_old_is_forgotten() -> None:
    now = 0.0
    seen = SeenInMemory(seconds=10, clock=lambda: now)
    seen.claim("a")
    seen.keep("a")
    now = 9.9
    assert seen.claim("a") is Claim.DONE
    now = 10.0
    assert seen.claim("a") is Claim.NEW


def test_of_many_threads_one_gets_the_key() -> None:
    seen = SeenInMemory()
    barrier, claims = threading.Barrier(16), []

    def ask() -> None:
        barrier.wait()
        claims.append(seen.claim("a"))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claims.count(Claim.NEW) == 1
