"""The Dask graph of some rounds, which is submitted as one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from hdfs_jobs.runs import residents, round_tasks
from hdfs_jobs.runs.residents import Run
from hdfs_jobs.runs.round_tasks import shares

if TYPE_CHECKING:
    from dask.typing import Key
    from distributed import Client, Future

    from hdfs_jobs.runs.kept_states import Base

FAN_IN = 8
"""Sums that one task adds."""


@dataclass(frozen=True)
class Pickled:
    """An iteration as it is sent, with how many parts a round has, and stages: 0 for no stages."""

    work: bytes
    parts: int
    stages: int


class RoundsGraph:
    """Rounds one after another, given to Dask some at a time.

    In a round every worker makes the state of the sums of the round before, and its share of the
    parts; beyond `FAN_IN` workers the sums are added in between. No task runs anywhere else than
    where it is placed: a worker that missed a round could not go on.

    Parameters
    ----------
    client : distributed.Client
    iteration : Pickled
    run : Run
    base : Base
        The state that the rounds begin from.
    places : sequence of str
        Addresses of workers, once for each thread; one at least.
    settled : collection of str
        Those that have made the state themselves; the others are sent it.

    Attributes
    ----------
    number : int
        Of rounds in the state that it ends with.
    sums : list of futures
        What is added up to that state, of what was submitted.
    makers : tuple of str
        Addresses of workers that have a share of the parts.
    """

    def __init__(
        self,
        client: Client,
        iteration: Pickled,
        run: Run,
        base: Base,
        places: Sequence[str],
        settled: Collection[str],
    ) -> None:
        self.places = places
        self.number = base.number
        self.sums: list[Future[Any]] = []
        self._client, self._iteration, self._run, self._base = client, iteration, run, base
        self._shares = shares(iteration.parts, places)
        self.makers = tuple(self._shares)
        self._unsettled = self._shares.keys() - settled
        self._name = uuid.uuid4().hex
        self._before: list[Key] = []
        self._made = 0
        self._tasks = _Tasks(self._name)
        self._placed: dict[Key, list[str]] = {}

    def add_round(self) -> None:
        """Add one round more."""
        stages = self._iteration.stages
        function = residents.stage_sums if stages else residents.round_sums
        given = {
            place: (self._run, self.number, tuple(edges)) for place, edges in self._shares.items()
        }
        made = [
            self._first(place, arguments)
            if place in self._unsettled
            else self._add(place, function, arguments, self._before)
            for place, arguments in given.items()
        ]
        self._unsettled = set()
        for stage in range(1, stages):
            sums = self._few(self._of_stage(made))
            made = [
                self._add(place, residents.later_stage_sums, (*arguments, stage), [before, *sums])
                for before, (place, arguments) in zip(made, given.items(), strict=True)
            ]
        self._before = self._few(self._of_stage(made) if stages else made)
        self.number += 1

    def submit(self, count: int, saves: bool) -> Future[Any]:
        """Submit the rounds that were added, as one graph.

        Parameters
        ----------
        count : int
            How many they are.
        saves : bool
            Whether the last state is saved before it is reported.

        Returns
        -------
        future
            Their reports.
        """
        from dask.base import annotate, normalize_token

        normalize_token.register(_Tasks, attrgetter("name"))
        given = (self._run, self.number, count, saves)
        reports = self._add(self.makers[0], residents.some_reports, given, self._before)
        # All others are released as soon as no task needs them.
        with annotate(workers=_Placed(self._placed)):
            *self.sums, found = self._client.get(self._tasks, [*self._before, reports], sync=False)
        self._tasks, self._placed = _Tasks(f"{self._name}-{self._made}"), {}
        reported: Future[Any] = found
        return reported

    def _first(self, place: str, given: tuple[Any, ...]) -> Key:
        """Add the first task of a worker, which is sent the state."""
        also = (self._iteration.work, bool(self._iteration.stages))
        return self._add(place, residents.first_sums, (*given, *also), [self._base.future.key])

    def _of_stage(self, staged: Sequence[Key]) -> list[Key]:
        """Add what separates sums from what is carried."""
        return [
            self._add(place, round_tasks.staged_sums, (), [key])
            for place, key in zip(self.makers, staged, strict=True)
        ]

    def _few(self, sums: list[Key]) -> list[Key]:
        """Have sums added up where they are too many for every worker to take each."""
        if len(sums) <= FAN_IN:
            return sums
        places = self.makers
        while len(sums) > 1:
            places = places[::FAN_IN]
            sums = [
                self._add(place, residents.joined_sums, (self._run,), sums[k : k + FAN_IN])
                for k, place in zip(range(0, len(sums), FAN_IN), places, strict=True)
            ]
        return sums

    def _add(
        self, place: str, function: Callable[..., Any], given: tuple[Any, ...], of: Sequence[Key]
    ) -> Key:
        """Add a task at a worker, of arguments and of results of others."""
        from dask.task_spec import Task, TaskRef

        key = (f"{function.__name__}-{self._name}", self._made)
        self._made += 1
        self._tasks[key] = Task(key, function, *given, *map(TaskRef, of))
        self._placed[key] = [place]
        return key


class _Tasks(dict["Key", Any]):
    """A graph that has a name: Dask would hash all of its tasks for one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@dataclass(frozen=True)
class _Placed:
    """Where tasks are to run; the scheduler asks it."""

    places: Mapping[Key, list[str]]

    def __call__(self, key: Key) -> list[str]:
        return self.places.get(key, [])
