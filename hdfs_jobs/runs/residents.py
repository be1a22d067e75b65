"""States of rounds that stay in the processes of workers, each of which makes the next one itself.

From worker to worker go sums alone, which are a quarter of the weights with their moments. Every
worker adds the same sums in the same order, and applies them: so all have the same state. It is no
result of Dask's, which would send it, or write it to disk where memory is short.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from hdfs_jobs.runs.round_tasks import (
    AnotherStateError,
    At,
    Edge,
    Piece,
    Staged,
    StagedIteration,
    Sums,
    at_once,
    iteration,
    joined,
    scatter,
    tree_sum,
)

IDLE_SECONDS = 3600.0
"""After so long without use a state is dropped: its driver has died, and could not say so."""


class Run(NamedTuple):
    """Whose states they are: those of a call of `run_rounds`, since it went back to one last."""

    name: str
    attempt: int


@dataclass
class _Resident:
    pickled: bytes
    attempt: int
    work: Any
    at: At
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)


_RESIDENTS: dict[str, _Resident] = {}
_CHANGING = threading.Lock()


def first_sums(
    run: Run, number: int, edges: Sequence[Edge], pickled: bytes, staged: bool, at: At
) -> Sums | Staged:
    """Take in a state that was sent, and do with it what `round_sums` or `stage_sums` does."""
    if at.number != number:
        raise AnotherStateError(
            f"a worker was sent the state of {at.number} rounds, not of {number}"
        )
    _begin(run, pickled, at)
    return (stage_sums if staged else round_sums)(run, number, edges)


def round_sums(run: Run, number: int, edges: Sequence[Edge], *sums: Sums) -> Sums:
    """Make the state after so many rounds, of the sums of the last; return sums of the next.

    Parameters
    ----------
    run : Run
    number : int
    edges : sequence of (int, int)
        The blocks of parts that are summed, beside each other on this worker's threads.
    *sums
        Of all parts of the round before; none where the state is here already.
    """
    at = _state(run, number, sums)
    work = _found(run).work

    def block(edge: Edge) -> Piece:
        total = tree_sum(range(*edge), lambda k: work.part(at.state, at.number, k), work.add)
        return Piece(*edge, total)

    return joined(at_once(block, edges), work)


def stage_sums(run: Run, number: int, edges: Sequence[Edge], *sums: Sums) -> Staged:
    """Bring blocks of parts through the first stage of a round; see `round_sums`."""
    return _staged(run, _state(run, number, sums), edges, 0, None, None)


def later_stage_sums(
    run: Run, number: int, edges: Sequence[Edge], stage: int, staged: Staged, *sums: Sums
) -> Staged:
    """Bring blocks of parts through another stage, of what they carry and the sums of the last."""
    at = _state(run, number, ())
    return _staged(run, at, edges, stage, staged, _total(_found(run).work, sums))


def _staged(
    run: Run, at: At, edges: Sequence[Edge], stage: int, before: Staged | None, total: Any
) -> Staged:
    work: StagedIteration = _found(run).work
    indices = [k for edge in edges for k in range(*edge)]

    def part(index: int) -> tuple[Any, Any]:
        carried = before.carried[index] if before else None
        return work.stage(at.state, at.number, index, stage, carried, total)

    made = dict(zip(indices, at_once(part, indices), strict=True))
    pieces = [Piece(k, k + 1, adds) for k, (_, adds) in made.items()]
    return Staged({k: carried for k, (carried, _) in made.items()}, joined(pieces, work))


def joined_sums(run: Run, *sums: Sums) -> Sums:
    """Add sums of parts that stand beside each other in the tree."""
    return joined(tuple(chain(*sums)), _found(run).work)


def some_reports(run: Run, number: int, count: int, saves: bool, *sums: Sums) -> tuple[Any, ...]:
    """Return the reports of the last rounds; save the state after them if it is to be saved."""
    if saves:
        at = _state(run, number, sums)
        _found(run).work.save(at.state, at.number)
    else:
        # Another thread may be rounds further by now.
        at = _reached(run, number, sums)
    last = len(at.reports) - (at.number - number)
    if last < count:
        raise AnotherStateError(f"a worker has no reports of {count} rounds before {number}")
    return at.reports[last - count : last]


def settle(run: Run, number: int, key: str, *sums: Sums) -> tuple[str, Any]:
    """Make the state after so many rounds, so that later ones need no sums of those before.

    Parameters
    ----------
    run : Run
    number : int
    key : str
        Under which Dask keeps the state as well; or empty.
    *sums
        Of all parts of the last round.

    Returns
    -------
    str, future or None
        The worker's address; and what keeps the state there while this result is kept.
    """
    from distributed import get_worker

    at = _state(run, number, sums)
    resident = _found(run)
    with resident.lock:
        # Its reports have been taken.
        resident.at = At(number, at.state)
    return get_worker().address, scatter(resident.at, key) if key else None


def forget(name: str) -> None:
    """Let go of the state of a run."""
    with _CHANGING:
        _RESIDENTS.pop(name, None)


def _begin(run: Run, pickled: bytes, at: At) -> None:
    now = time.monotonic()
    work = iteration(pickled)
    with _CHANGING:
        for name, one in list(_RESIDENTS.items()):
            # A driver that comes again after it was killed iterates the same.
            if name != run.name and (one.pickled == pickled or now - one.used > IDLE_SECONDS):
                del _RESIDENTS[name]
        known = _RESIDENTS.get(run.name)
        if known is None or known.attempt < run.attempt:
            known = _RESIDENTS[run.name] = _Resident(pickled, run.attempt, work, at)
    if known.attempt != run.attempt:
        raise AnotherStateError("these rounds were begun anew")
    with known.lock:
        # One that was made here meanwhile is further.
        if known.at.number < at.number:
            known.at = At(at.number, at.state)


def _found(run: Run) -> _Resident:
    with _CHANGING:
        found = _RESIDENTS.get(run.name)
    if found is None or found.attempt != run.attempt:
        raise AnotherStateError("a worker has no state of these rounds")
    found.used = time.monotonic()
    return found


def _state(run: Run, number: int, sums: Sequence[Sums]) -> At:
    """Return the state after so many rounds; make it, if it is the next one."""
    at = _reached(run, number, sums)
    if at.number != number:
        raise AnotherStateError(f"a worker has the state of {at.number} rounds, not of {number}")
    return at


def _reached(run: Run, number: int, sums: Sequence[Sums]) -> At:
    """Return the state after so many rounds or more; make it, if it is the next one."""
    resident = _found(run)
    with resident.lock:
        at = resident.at
        if at.number == number - 1 and sums:
            state = resident.work.apply(at.state, at.number, _total(resident.work, sums))
            report = resident.work.report(state, number)
            at = resident.at = At(number, state, (*at.reports, report))
        resident.used = time.monotonic()
    if at.number < number:
        raise AnotherStateError(f"a worker has the state of {at.number} rounds, not of {number}")
    return at


def _total(work: Any, sums: Sequence[Sums]) -> Any:
    [whole] = joined(tuple(chain(*sums)), work)
    return whole.total
