"""Limits on what is asked of servers."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import UsageError
from nsynth_batch.sources.web.throttle import (
    WINDOW_SECONDS,
    Bucket,
    RequestLimiter,
    Stopped,
    pause,
    require_allowed,
    retry_after,
)


@given(rate=st.floats(1e4, 1e8), burst=st.integers(1, 10**8), unseen=st.integers(0, 10**8))
def test_no_window_holds_more_than_the_rate_allows(rate: float, burst: int, unseen: int) -> None:
    bucket = Bucket(rate, burst, unseen)
    window = rate * WINDOW_SECONDS
    block = int(window / 200)
    # All is asked for at once, so the bucket's own clock hardly moves: each wait is a time.
    came = [0.0]
    came += [bucket.take(block) for _ in range(400)]
    first = 0
    for last, at in enumerate(came):
        while came[first] <= at - WINDOW_SECONDS:
            first += 1
        # A block has come before it is paid for, and what sockets hold before it is seen.
        inside = (last - first + 1) * block + min(unseen, window / 4)
        assert inside <= window * 1.001 + 2 * block
    assert came[-1] < 2 * 400 * block / rate


def test_a_bucket_fills_up_again_but_no_more_than_the_burst() -> None:
    bucket = Bucket(1e6, 1000)
    assert bucket.take(1000) == 0
    time.sleep(0.05)  # the bucket fills by the clock
    assert bucket.take(1000) == 0
    assert bucket.take(500_000) > 0.4


def test_a_gate_lets_so_many_in() -> None:
    limiter = RequestLimiter(2, threading.Event())
    inside, most, lock = 0, 0, threading.Lock()

    def visit() -> None:
        nonlocal inside, most
        with limiter.enter():
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)  # others would come in meanwhile, if they could
            with lock:
                inside -= 1

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_closed_gate_opens_in_time_and_waiting_ends_when_asked() -> None:
    stop = threading.Event()
    limiter = RequestLimiter(1, stop)
    limiter.close_for(0.1)
    begun = time.monotonic()
    with limiter.enter():
        assert time.monotonic() - begun >= 0.1
    limiter.close_for(60)
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped), limiter.enter():
        pytest.fail("nobody gets in")
    with pytest.raises(Stopped):
        pause(60, stop)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("120") == 120
    assert retry_after(" 0 ") == 0
    assert retry_after(None) is None
    assert retry_after("soon") is None
    assert retry_after("-5") is None
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert retry_after(format_datetime(soon, usegmt=True)) == pytest.approx(90, abs=2)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    "host",
    ["upload.wikimedia.org", "UPLOAD.Wikimedia.org:443", "de.wikipedia.org", "www.wikidata.org"],
)
def test_no_host_of_wikimedia_is_asked_for_more(host: str) -> None:
    require_allowed(25.0, {host})
    with pytest.raises(UsageError, match=r"is 25\.5: Wikimedia allows 25"):
        require_allowed(25.5, {"wiki.example.org", host})


def test_a_wiki_of_ones_own_may_be_asked_for_more() -> None:
    require_allowed(400.0, {"wiki.example.org", "wikimedia.org.example.com", "mywikimedia.org"})
