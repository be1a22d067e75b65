"""The Dask graph of some rounds, which is submitted as one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hdfs_jobs.runs import round_tasks
from hdfs_jobs.runs.round_tasks import blocks

if TYPE_CHECKING:
    from dask.typing import Key
    from distributed import Client, Future

FAN_IN = 8
"""Sums that one task adds."""


class RoundsGraph:
    """Rounds one after another: parts and sums of them, the next state, and a report at the end.

    Parameters
    ----------
    pickled : bytes
        The iteration.
    parts : int
        Of each round.
    places : sequence of str
        Addresses of workers, once for each thread.
    state : Key
        Of the state that the rounds begin from; Dask has it.

    """

    def __init__(self, pickled: bytes, parts: int, places: Sequence[str], state: Key) -> None:
        self._pickled = pickled
        self._blocks = blocks(parts, len(places))
        self._places = places
        self._name = uuid.uuid4().hex
        self._state = state
        self._tasks: dict[Key, Any] = {}
        self._placed: dict[Key, list[str]] = {}

    def add_round(self) -> None:
        """Add one round more."""
        first = not self._tasks
        sums = []
        for k, edge in enumerate(self._blocks):
            sums.append(self._add(round_tasks.parts_sum, [self._state], *edge))
            if self._places:
                # Left to itself Dask gives all of them to the worker that has the state.
                self._placed[sums[-1]] = [self._places[k % len(self._places)]]
        while len(sums) > FAN_IN:
            sums = [
                self._add(round_tasks.sums_sum, sums[k : k + FAN_IN])
                for k in range(0, len(sums), FAN_IN)
            ]
        self._state = self._add(round_tasks.next_state, [self._state, *sums], first)

    def submit(self, client: Client, saves: bool) -> tuple[Future[Any], Future[Any]]:
        """Submit the rounds as one graph.

        Parameters
        ----------
        client : distributed.Client
        saves : bool
            Whether the last state is saved before it is reported.

        Returns
        -------
        state, reports : future
            The last state, and the reports of all of them.
        """
        from dask.base import annotate

        reports = self._add(round_tasks.reports, [self._state], saves)
        # All others are released as soon as no task needs them.
        with annotate(workers=_Placed(self._placed), allow_other_workers=True):
            state, found = client.get(self._tasks, [self._state, reports], sync=False)
        return state, found

    def _add(self, function: Callable[..., Any], of: Sequence[Key], *arguments: Any) -> Key:
        """Add a task, of results of others and of arguments."""
        from dask.task_spec import Task, TaskRef

        key = (f"{function.__name__}-{self._name}", len(self._tasks))
        self._tasks[key] = Task(key, function, self._pickled, *arguments, *map(TaskRef, of))
        return key


@dataclass(frozen=True)
class _Placed:
    """Where tasks are to run; the scheduler asks it."""

    places: Mapping[Key, list[str]]

    def __call__(self, key: Key) -> list[str]:
        return self.places.get(key, [])
