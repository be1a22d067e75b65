"""States that stay in a worker: tasks that are run again, too late or after others took over."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from distributed import Client

from hdfs_jobs.runs import residents
from hdfs_jobs.runs.residents import Run
from hdfs_jobs.runs.round_tasks import AnotherStateError, At, Piece
from tests.components.daskcluster import worker_threads

EDGES = ((0, 2),)
RUN = Run("run", 0)


@dataclass(frozen=True)
class Count:
    """Two parts a round; states and sums are texts of what they were made of."""

    name: str = "count"
    parts: int = 2

    def part(self, state: str, number: int, index: int) -> str:
        return f"{state}.{number}.{index}"

    def add(self, a: str, b: str) -> str:
        return f"({a}+{b})"

    def apply(self, state: str, number: int, total: str) -> str:
        return f"<{state} {total}>"

    def report(self, state: str, number: int) -> int:
        return number


PICKLED = pickle.dumps(Count())


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A worker that is a thread of this process."""
    with worker_threads(1) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    residents.forget(RUN.name)


def do(client: Client, function: Any, *given: Any) -> Any:
    return client.submit(function, *given, pure=False).result()


def begin(client: Client, run: Run = RUN, pickled: bytes = PICKLED, state: str = "s") -> Any:
    return do(client, residents.first_sums, run, 0, EDGES, pickled, False, At(0, state))


def test_a_task_that_is_run_again_says_the_same_and_one_too_late_says_that(client: Client) -> None:
    first = begin(client)
    assert first == (Piece(0, 2, "(s.0.0+s.0.1)"),)
    second = do(client, residents.round_sums, RUN, 1, EDGES, first)
    state = "<s (s.0.0+s.0.1)>"
    assert second == (Piece(0, 2, f"({state}.1.0+{state}.1.1)"),)
    assert do(client, residents.round_sums, RUN, 1, EDGES, first) == second
    with pytest.raises(AnotherStateError, match="the state of 1 rounds, not of 0"):
        begin(client)
    with pytest.raises(AnotherStateError, match="the state of 1 rounds, not of 3"):
        do(client, residents.round_sums, RUN, 3, EDGES, second)
    # None of those changed the state.
    assert do(client, residents.round_sums, RUN, 1, EDGES, first) == second


def test_another_state_than_the_one_that_was_to_be_sent_is_not_taken(client: Client) -> None:
    with pytest.raises(AnotherStateError, match="sent the state of 8 rounds, not of 0"):
        do(client, residents.first_sums, RUN, 0, EDGES, PICKLED, False, At(8, "later"))
    with pytest.raises(AnotherStateError, match="has no state of these rounds"):
        do(client, residents.round_sums, RUN, 0, EDGES)


def test_reports_are_there_where_rounds_were_made_since(client: Client) -> None:
    sums = begin(client)
    for number in (1, 2, 3):
        sums = do(client, residents.round_sums, RUN, number, EDGES, sums)
    assert do(client, residents.some_reports, RUN, 2, 2, False, sums) == (1, 2)
    assert do(client, residents.some_reports, RUN, 3, 1, False, sums) == (3,)
    with pytest.raises(AnotherStateError, match="no reports of 3 rounds before 2"):
        do(client, residents.some_reports, RUN, 2, 3, False, sums)
    # What is saved is the very state.
    with pytest.raises(AnotherStateError, match="the state of 3 rounds, not of 2"):
        do(client, residents.some_reports, RUN, 2, 2, True, sums)


def test_rounds_that_were_begun_anew_leave_nothing_to_those_before(client: Client) -> None:
    sums = begin(client)
    anew = Run(RUN.name, 1)
    assert begin(client, anew, state="t") == (Piece(0, 2, "(t.0.0+t.0.1)"),)
    with pytest.raises(AnotherStateError, match="begun anew"):
        begin(client)
    with pytest.raises(AnotherStateError, match="has no state of these rounds"):
        do(client, residents.round_sums, RUN, 1, EDGES, sums)


def test_who_iterates_the_same_after_a_driver_died_takes_its_place(client: Client) -> None:
    sums = begin(client, Run("dead", 0))
    other = pickle.dumps(Count("another"))
    begin(client, Run("others", 0), other)
    begin(client)
    with pytest.raises(AnotherStateError, match="has no state of these rounds"):
        do(client, residents.round_sums, Run("dead", 0), 1, EDGES, sums)
    # One that iterates something else is at work still.
    do(client, residents.round_sums, Run("others", 0), 1, EDGES, sums)
    residents.forget("others")
    with pytest.raises(AnotherStateError, match="has no state of these rounds"):
        do(client, residents.round_sums, Run("others", 0), 1, EDGES, sums)
