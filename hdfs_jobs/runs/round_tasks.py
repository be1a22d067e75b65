"""What workers iterate, the tree in which they add, and what they do with states of Dask's."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable


class Rounds(Protocol):
    """What is iterated: functions of a state, which say the same on every worker.

    It is pickled to the workers, which keep one a process: what is expensive to make is made there,
    when it is first needed. Its package must be importable by them.
    """

    @property
    def parts(self) -> int:
        """How many parts there are in each round."""
        ...

    def load(self) -> tuple[int, Any]:
        """Return the state that was saved last, or the first, and how many rounds are in it."""
        ...

    def add(self, a: Any, b: Any) -> Any:
        """Return the sum of two; it must change neither."""
        ...

    def apply(self, state: Any, number: int, total: Any) -> Any:
        """Return the state after round `number`; it must not change the one before."""
        ...

    def report(self, state: Any, number: int) -> Any:
        """Return in some bytes what the driver is to know of the state after `number` rounds."""
        ...

    def save(self, state: Any, number: int) -> None:
        """Save the state after `number` rounds, for `load`."""
        ...


class Iteration(Rounds, Protocol):
    """Rounds of which each part is made of the state alone."""

    def part(self, state: Any, number: int, index: int) -> Any:
        """Return what part `index` of round `number` adds to the sum."""
        ...


@runtime_checkable
class StagedIteration(Rounds, Protocol):
    """Rounds of which each part needs sums over all parts on its way.

    Such a round has stages. In each a part goes on from what it carries, which stays with its
    worker, and from the sum of the stage before; the sum of the last stage is applied.
    """

    @property
    def stages(self) -> int:
        """How many stages each round has."""
        ...

    def stage(
        self, state: Any, number: int, index: int, stage: int, carried: Any, total: Any
    ) -> tuple[Any, Any]:
        """Return what part `index` carries to the next stage, and what it adds to this one's sum.

        Parameters
        ----------
        state : object
        number, index, stage : int
            Of the round, the part and the stage, from 0.
        carried : object
            What the stage before returned for this part, to be left as it is; None in the first.
        total : object
            The sum of the stage before; None in the first.
        """
        ...


Edge = tuple[int, int]
"""The first part of a block, and the one after its last."""


@dataclass(frozen=True)
class Piece:
    """The sum of the parts from `first` to before `stop`, which the tree adds up by themselves."""

    first: int
    stop: int
    total: Any


Sums = tuple[Piece, ...]


@dataclass(frozen=True)
class Staged:
    """What some parts carry to the next stage, by their index, and sums of what they add to it."""

    carried: Mapping[int, Any]
    sums: Sums


@dataclass(frozen=True)
class At:
    """A state, how many rounds are in it, and the reports of the last of them."""

    number: int
    state: Any
    reports: tuple[Any, ...] = ()


_MAKING = threading.Lock()


def iteration(pickled: bytes) -> Any:
    """Return an iteration, of which there is one a process."""
    # The cache alone would let two threads make one each.
    with _MAKING:
        return _made(pickled)


@lru_cache(maxsize=1)
def _made(pickled: bytes) -> Any:
    return pickle.loads(pickled)


def load(pickled: bytes) -> At:
    """Return what was saved last."""
    return At(*iteration(pickled).load())


def number_of(at: At) -> int:
    """Return how many rounds are in a state."""
    return at.number


def one_part(pickled: bytes, index: int, at: At) -> Any:
    """Return what a part adds to a state."""
    return iteration(pickled).part(at.state, at.number, index)


def staged_sums(staged: Staged) -> Sums:
    """Return what some parts add to a stage's sum, without what stays with their worker."""
    return staged.sums


def next_state(pickled: bytes, first: bool, at: At, total: Any) -> At:
    """Return the state after one more round, with its report; the first leaves those before."""
    work = iteration(pickled)
    state = work.apply(at.state, at.number, total)
    before = () if first else at.reports
    return At(at.number + 1, state, (*before, work.report(state, at.number + 1)))


def reports(pickled: bytes, saves: bool, at: At) -> tuple[Any, ...]:
    """Return the reports that a state has; save it first if it is to be saved."""
    work = iteration(pickled)
    if saves:
        work.save(at.state, at.number)
    return at.reports or (work.report(at.state, at.number),)


class AnotherStateError(Exception):
    """The state of some rounds is asked for where there is another one, or none."""


def keep(at: At, key: str, number: int) -> tuple[str, Any]:
    """Keep a state in this worker's memory under a key of its own, without what it was made of.

    Dask runs this again where its worker is lost, and loads again what was loaded then: a later
    state, if one was saved since.

    Parameters
    ----------
    at : At
    key : str
    number : int
        How many rounds are in the state that the key stands for.

    Returns
    -------
    str, future
        The worker's address; and what keeps the state there while this result is kept.

    Raises
    ------
    AnotherStateError
        The state has other rounds.
    """
    from distributed import get_worker

    if at.number != number:
        raise AnotherStateError(f"the state after {number} rounds is gone")
    return get_worker().address, scatter(at, key)


def scatter(at: At, key: str) -> Any:
    """Have Dask keep a state in this worker's memory, under a key, while the result is kept."""
    from distributed import get_client

    return get_client().scatter({key: at}, direct=True)[key]


def at_once(of: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Return what a function makes of each item, on so many threads as this worker has."""
    from distributed import get_worker

    threads = int(get_worker().state.nthreads)
    if min(threads, len(items)) < 2:
        return [of(item) for item in items]
    # By its context what is made there finds out which worker it is on.
    contexts = [copy_context() for _ in items]
    return list(_pool(threads).map(lambda context, item: context.run(of, item), contexts, items))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "parts")


def tree_sum(of: Sequence[Any], value: Callable[[Any], Any], add: Callable[[Any, Any], Any]) -> Any:
    """Add values in pairs, then the pairs in pairs, as their places say.

    The order of additions hangs on nothing but how many values there are: aligned blocks of a
    power of two can be summed anywhere, and their sums then, to the same bits.

    Examples
    --------
    >>> tree_sum("abcde", str, "({}+{})".format)
    '(((a+b)+(c+d))+e)'
    >>> tree_sum(["(a+b)", "(c+d)", "e"], str, "({}+{})".format)
    '(((a+b)+(c+d))+e)'
    """
    if len(of) == 1:
        return value(of[0])
    half = 1 << (len(of) - 1).bit_length() - 1
    return add(tree_sum(of[:half], value, add), tree_sum(of[half:], value, add))


def blocks(parts: int, workers: int) -> list[tuple[int, int]]:
    """Return the aligned blocks of parts that are summed where they are made: one a worker or more.

    Examples
    --------
    >>> blocks(8, 2), blocks(6, 3)
    ([(0, 4), (4, 8)], [(0, 2), (2, 4), (4, 6)])
    >>> blocks(5, 2), blocks(2, 7)
    ([(0, 2), (2, 4), (4, 5)], [(0, 1), (1, 2)])
    """
    size = 1
    while parts >= 2 * size * max(1, workers):
        size *= 2
    return [(first, min(first + size, parts)) for first in range(0, parts, size)]


def shares(parts: int, places: Sequence[str]) -> dict[str, list[Edge]]:
    """Return which blocks of parts each worker makes.

    Examples
    --------
    >>> shares(8, ["a", "a", "b", "b"])
    {'a': [(0, 2), (2, 4)], 'b': [(4, 6), (6, 8)]}
    >>> shares(5, ["a", "b"]), shares(2, ["a", "b", "c"])
    ({'a': [(0, 2), (4, 5)], 'b': [(2, 4)]}, {'a': [(0, 1)], 'b': [(1, 2)]})
    """
    found: dict[str, list[Edge]] = {}
    for k, edge in enumerate(blocks(parts, len(places))):
        found.setdefault(places[k % len(places)], []).append(edge)
    return found


def joined(pieces: Sequence[Piece], work: Rounds) -> Sums:
    """Add sums of parts where the tree of all parts adds them."""
    return _joined(pieces, 0, work.parts, work.add)


def _joined(pieces: Sequence[Piece], first: int, stop: int, add: Callable[[Any, Any], Any]) -> Sums:
    inside = [piece for piece in pieces if first <= piece.first and piece.stop <= stop]
    if len(inside) < 2 and (not inside or (inside[0].first, inside[0].stop) == (first, stop)):
        return tuple(inside)
    middle = first + (1 << (stop - first - 1).bit_length() - 1)
    left, right = _joined(inside, first, middle, add), _joined(inside, middle, stop, add)
    ends = [(piece.first, piece.stop) for piece in (*left, *right)]
    if ends == [(first, middle), (middle, stop)]:
        return (Piece(first, stop, add(left[0].total, right[0].total)),)
    return (*left, *right)
