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
    stages : int
        Of each round; 0 where a part is made at once.
    """

    def __init__(
        self, pickled: bytes, parts: int, places: Sequence[str], state: Key, stages: int = 0
    ) -> None:
        self._pickled = pickled
        self._blocks = blocks(parts, len(places))
        self._places = places
        self._name = uuid.uuid4().hex
        self._state = state
        self._stages = stages
        self._tasks: dict[Key, Any] = {}
        self._placed: dict[Key, list[str]] = {}

    def add_round(self) -> None:
        """Add one round more."""
        first = not self._tasks
        sums = self._staged_sums() if self._stages else self._part_sums()
        self._state = self._add(round_tasks.next_state, [self._state, *self._few(sums)], first)

    def _part_sums(self) -> list[Key]:
        """Add the parts of a round; return their sums."""
        return [
            self._add_at(k, round_tasks.parts_sum, [self._state], *edge)
            for k, edge in enumerate(self._blocks)
        ]

    def _staged_sums(self) -> list[Key]:
        """Add the stages of a round; return the sums of the last."""
        before: list[list[Key]] = [[] for _ in self._blocks]
        sums: list[Key] = []
        for stage in range(self._stages):
            staged = [
                self._add_at(
                    k, round_tasks.stage_parts, [self._state, *before[k]], stage, *self._blocks[k]
                )
                for k in range(len(self._blocks))
            ]
            sums = [self._add_at(k, round_tasks.stage_total, [key]) for k, key in enumerate(staged)]
            if stage < self._stages - 1:
                total = self._add(round_tasks.sums_sum, self._few(sums))
                before = [[key, total] for key in staged]
        return sums

    def _few(self, sums: list[Key]) -> list[Key]:
        """Add sums up until they are few enough for one task."""
        while len(sums) > FAN_IN:
            sums = [
                self._add(round_tasks.sums_sum, sums[k : k + FAN_IN])
                for k in range(0, len(sums), FAN_IN)
            ]
        return sums

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

    def _add_at(self, block: int, function: Callable[..., Any], *given: Any) -> Key:
        """Add a task where a block's parts are made."""
        key = self._add(function, *given)
        if self._places:
            # Left to itself Dask gives all of them to the worker that has the state.
            self._placed[key] = [self._places[block % len(self._places)]]
        return key

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
