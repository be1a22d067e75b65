"""Each line of a log once, however it is cut and sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.submit.pod_log import Tail

START = datetime(2026, 3, 29, 0, 59, 50, tzinfo=UTC)


def stamped(seconds: float, text: str, *, hours: int = 0) -> bytes:
    """A line as a node in a zone so many hours east writes it."""
    when = START + timedelta(seconds=seconds)
    local = when + timedelta(hours=hours)
    zone = f"+{hours:02}:00" if hours else "Z"
    return f"{local:%Y-%m-%dT%H:%M:%S.%f}789{zone} {text}".encode()


LINES = st.lists(
    st.tuples(st.floats(0, 4), st.sampled_from(["same", "", "a line", "— ünïcode"])), max_size=40
)


@given(
    pauses=LINES,
    cuts=st.lists(st.integers(0, 40), max_size=5),
    disorder=st.lists(st.floats(0, 3.9), min_size=40, max_size=40),
    hours=st.integers(0, 3),
)
def test_lines_come_once_and_in_order(
    pauses: list[tuple[float, str]], cuts: list[int], disorder: list[float], hours: int
) -> None:
    at, log = 0.0, []
    for (pause, text), early in zip(pauses, disorder, strict=False):
        at += pause
        # Two streams end up in one log, so a line may stand behind a later one.
        log.append((at - early, text))
    tail, told = Tail(), []
    for cut in [*sorted(cuts), len(log)]:
        since = tail.since
        tail.resume()
        sent = [
            (when, text)
            for when, text in log[:cut]
            if since is None or START + timedelta(seconds=when) >= since
        ]
        for when, text in sent:
            if (line := tail.take(stamped(when, text, hours=hours))) is not None:
                told.append(line)
    assert told == [text for _, text in log]


def test_lines_of_one_time_and_text_are_counted() -> None:
    tail = Tail()
    twice = [stamped(1, "same"), stamped(1, "same")]
    assert [tail.take(line) for line in twice[:1]] == ["same"]
    tail.resume()
    assert [tail.take(line) for line in twice] == [None, "same"]
    tail.resume()
    assert [tail.take(line) for line in twice] == [None, None]


def test_a_server_that_sends_more_than_it_was_asked_for_repeats_nothing() -> None:
    tail = Tail()
    log = [stamped(i * 3, str(i)) for i in range(10)]
    assert [tail.take(line) for line in log] == [str(i) for i in range(10)]
    tail.resume()
    assert [tail.take(line) for line in log] == [None] * 10


def test_a_line_without_a_time_is_told_as_it_is() -> None:
    assert Tail().take(b"failed to watch file \xff") == "failed to watch file �"
