"""Files of a host come one after the other, with pauses that a seed gives."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.sources.web.throttle import Stopped
from nsynth_batch.sources.web.turns import Turns


@given(st.floats(0.001, 1e4), st.integers(0, 2**62), st.text(max_size=20), st.floats(0, 1e4))
def test_pauses_are_drawn_about_the_mean(mean: float, seed: int, name: str, least: float) -> None:
    url = f"http://example.org/{name}"
    turns = Turns(mean, seed, threading.Event())
    drawn = turns.seconds_before(url)
    assert 0.5 * mean <= drawn <= 1.5 * mean
    assert Turns(mean, seed, threading.Event()).seconds_before(url) == drawn
    assert turns.seconds_before(url, least) == max(least, drawn)
    assert Turns(0, seed, threading.Event()).seconds_before(url, least) == least


def test_pauses_differ() -> None:
    def pauses(seed: int) -> set[float]:
        turns = Turns(1.0, seed, threading.Event())
        return {turns.seconds_before(f"http://example.org/{n}") for n in range(50)}

    assert len(pauses(0)) == len(pauses(1)) == 50
    assert not pauses(0) & pauses(1)


def test_one_file_of_a_host_at_a_time_and_other_hosts_meanwhile() -> None:
    turns = Turns(0.05, 0, threading.Event())
    inside, most, ended = 0, 0, [0.0]
    lock = threading.Lock()

    def fetch(number: int) -> None:
        nonlocal inside, most
        with turns.take(f"http://one.example/{number}"):
            assert time.monotonic() - ended[-1] >= 0.02
            with lock:
                inside += 1
                most = max(most, inside)
            # Another host does not wait for this one.
            with turns.take(f"http://other{number}.example/a"):
                pass
            with lock:
                inside -= 1
                ended.append(time.monotonic())

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert len(ended) == 5


def test_a_stop_ends_a_pause() -> None:
    stop = threading.Event()
    turns = Turns(0, 0, stop)
    with turns.take("http://example.org/a", 3600.0):
        pass
    stop.set()
    with pytest.raises(Stopped), turns.take("http://example.org/b", 3600.0):
        pass
