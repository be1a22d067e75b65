"""What workers do in a round: parts, stages, sums of them, the next state, a copy to keep."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class Staged:
    """What some parts carry to the next stage, and the sum of what they add to this one's."""

    carried: tuple[Any, ...]
    total: Any


@dataclass(frozen=True)
class At:
    """A state, how many rounds are in it, and the reports of the last of them."""

    number: int
    state: Any
    reports: tuple[Any, ...] = ()


_MAKING = threading.Lock()


def _iteration(pickled: bytes) -> Any:
    # The cache alone would let two threads make one each.
    with _MAKING:
        return _made(pickled)


@lru_cache(maxsize=1)
def _made(pickled: bytes) -> Any:
    return pickle.loads(pickled)


def load(pickled: bytes) -> At:
    """Return what was saved last."""
    return At(*_iteration(pickled).load())


def number_of(at: At) -> int:
    """Return how many rounds are in a state."""
    return at.number


def parts_sum(pickled: bytes, first: int, stop: int, at: At) -> Any:
    """Return the sum of the parts from `first` to before `stop`."""
    work: Iteration = _iteration(pickled)
    return tree_sum(range(first, stop), lambda k: work.part(at.state, at.number, k), work.add)


def stage_parts(pickled: bytes, stage: int, first: int, stop: int, at: At, *before: Any) -> Staged:
    """Bring the parts from `first` to before `stop` through a stage.

    `before` is what they were in the stage before, and the sum of that; nothing in the first.
    """
    work: StagedIteration = _iteration(pickled)
    staged, total = before or (Staged((None,) * (stop - first), None), None)
    made = [
        work.stage(at.state, at.number, first + k, stage, carried, total)
        for k, carried in enumerate(staged.carried)
    ]
    sums = tree_sum([adds for _, adds in made], _same, work.add)
    return Staged(tuple(carried for carried, _ in made), sums)


def stage_total(pickled: bytes, staged: Staged) -> Any:
    """Return what some parts add to a stage's sum, without what stays with their worker."""
    return staged.total


def sums_sum(pickled: bytes, *sums: Any) -> Any:
    """Return the sum of sums that stand beside each other in the tree."""
    return tree_sum(sums, _same, _iteration(pickled).add)


def next_state(pickled: bytes, first: bool, at: At, *sums: Any) -> At:
    """Return the state after one more round, with its report; the first leaves those before."""
    work = _iteration(pickled)
    state = work.apply(at.state, at.number, tree_sum(sums, _same, work.add))
    before = () if first else at.reports
    return At(at.number + 1, state, (*before, work.report(state, at.number + 1)))


def reports(pickled: bytes, saves: bool, at: At) -> tuple[Any, ...]:
    """Return the reports that a state has; save it first if it is to be saved."""
    work = _iteration(pickled)
    if saves:
        work.save(at.state, at.number)
    return at.reports or (work.report(at.state, at.number),)


class AnotherStateError(Exception):
    """A state that was made again is another one: it was loaded, and a later one is saved since."""


def keep(at: At, key: str, number: int) -> tuple[str, Any]:
    """Keep a state in this worker's memory under a key of its own, without what it was made of.

    Dask runs this again where its worker is lost, and loads again what was loaded then.

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
    from distributed import get_client, get_worker

    if at.number != number:
        raise AnotherStateError(f"the state after {number} rounds is gone")
    kept = get_client().scatter({key: at}, direct=True)
    return get_worker().address, kept[key]


def _same(value: Any) -> Any:
    return value


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
