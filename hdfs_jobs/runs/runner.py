"""Run one stage over the pending shards of one dataset, on Dask."""

from __future__ import annotations

import heapq
import pickle
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hdfs_jobs.datasets.dataset import DRAINS, Dataset
from hdfs_jobs.datasets.manifest import Summary
from hdfs_jobs.datasets.plan import Shard
from hdfs_jobs.errors import InfrastructureError, UsageError, in_one_line
from hdfs_jobs.runs.attempts import count_blamed
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.code import cannot_load, is_missing_here
from hdfs_jobs.runs.events import (
    Event,
    ItemQuarantined,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageOutcome,
    StageStarted,
    WorkerLost,
)
from hdfs_jobs.runs.job import ShardJob, ShardResult, partials_folder
from hdfs_jobs.runs.options import DEFAULTS, RunOptions
from hdfs_jobs.runs.order import ShardOrder
from hdfs_jobs.runs.results import fetch
from hdfs_jobs.runs.stage import Stage
from hdfs_jobs.runs.watch import Begun, Watch
from hdfs_jobs.runs.workers import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

POLL_SECONDS = 0.2
DRAIN_SECONDS = 2.0
"""How long after a request to stop tasks may announce that they had begun before it."""
LONGEST_DELAY = 30.0
COMPACT_AFTER = 1000


def run_stage(
    dataset: Dataset,
    stage: Stage,
    *,
    cluster: Cluster,
    upstream: Dataset | None = None,
    options: RunOptions = DEFAULTS,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    check: Callable[[], None] | None = None,
) -> StageOutcome:
    """Commit every planned shard that is not committed yet.

    A shard whose attempt fails is tried again, after growing delays; one that lost its worker to
    an item that can be named is tried again for free. Bad input is quarantined at once; what a
    stage cannot explain (any exception that is no OSError), on the last try. If a shard fails to
    the last, the others are still done; where nothing succeeds any more, a few more of them are
    tried first, from here to the end of the plan. Then the run ends with InfrastructureError.

    Events of one shard come in order: its tries, what it quarantined, its commit. Those of several
    shards come as these end.

    Parameters
    ----------
    dataset : Dataset
        Planned; where the rows go.
    stage : Stage
        What is done.
    cluster : Cluster
        Started only if there is something to do.
    upstream : Dataset or None
        What the rows of the items refer to.
    options : RunOptions
        Tries, limits and what a worker must be.
    on_event : callable or None
        Called with each event, in the calling thread.
    stop : threading.Event or None
        Once set, what runs is finished, and nothing else is begun.
    check : callable or None
        Raises once this run may write no more; called every moment.

    Returns
    -------
    StageOutcome
        What this run did.

    Raises
    ------
    UsageError
        The plan was altered, or a worker cannot keep to it. Nothing is retried.
    InfrastructureError
        Shards are left undone. The same call takes up where this one ended.
    ValueError
        Facts are required that the dataset's settings do not name.
    """
    settings = dataset.settings
    if loose := [n for n, fact in options.require.items() if settings.get(n) != fact]:
        raise ValueError(f"{loose}: what a worker must be belongs into the dataset's settings")
    run = _Run(
        dataset=dataset,
        stage=stage,
        upstream=upstream,
        options=replace(options, code=options.code.with_package_of(type(stage))),
        emit=on_event or _nothing,
        stop=stop or threading.Event(),
        check=check or _nothing,
    )
    return run.go(cluster)


def _nothing(*_: object) -> None:
    """Stand in for a callback that was not given."""


def _reason(error: BaseException) -> str:
    """Return what went wrong with a shard; Dask's own words for a lost worker fill a screen."""
    name = type(error).__name__
    if name == "KilledWorker":
        return "its workers died, or were lost"
    return f"{name}: {in_one_line(str(error))}"


@dataclass(order=True)
class _Try:
    """One try at a shard, in order of when it is due."""

    due: float
    number: int
    shard: Shard = field(compare=False)
    failures: int = field(compare=False, default=0)
    blamed: int = field(compare=False, default=0)


@dataclass
class _Run:
    """The state of one call of `run_stage`."""

    dataset: Dataset
    stage: Stage
    upstream: Dataset | None
    options: RunOptions
    emit: Callable[[Event], None]
    stop: threading.Event
    check: Callable[[], None]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    running: dict[str, tuple[Future[Any], _Try]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    draining: float = 0.0
    ended: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    waiting: list[_Try] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    failed_in_a_row: int = 0
    fresh: list[Summary] = field(default_factory=list)
    outcome: StageOutcome = field(init=False)

    def go(self, cluster: Cluster) -> StageOutcome:
        """Do all, from the plan to the outcome."""
        started = time.monotonic()
        dataset = self.dataset
        pending = ShardOrder(dataset)
        shards = len(dataset.shards())
        self.outcome = StageOutcome(dataset.name, shards, 0, 0, 0, 0, 0.0, 0.0, False)
        self.emit(StageStarted(dataset.name, shards, len(pending)))
        if len(pending) and not self.stop.is_set():
            dataset.forget_deleted()
            client = cluster.client()
            more = {k: n for k, n in self.options.prefer.items() if cluster.offers(k)}
            self.options = replace(self.options, resources={**self.options.resources, **more})
            template = self._template()
            try:
                self._drive(client, pending, template, cluster.slots)
            finally:
                self._leave(client)
        if self.failed:
            number, error = next(iter(self.failed.items()))
            raise InfrastructureError(
                f"{dataset.name}: {len(self.failed)} of {len(pending)} shards not done; shard "
                f"{number}: {error}; run the command again"
            )
        left = len(pending) - self.outcome.committed
        wall = round(time.monotonic() - started, 3)
        self.outcome = replace(self.outcome, wall_seconds=wall, drained=left > 0)
        self.emit(StageFinished(self.outcome))
        return self.outcome

    def _template(self) -> ShardJob:
        """Return a job that lacks only its shard."""
        from distributed.protocol.pickle import dumps

        return ShardJob(
            dataset=self.dataset,
            shard=Shard.of(0, ()),
            stage=dumps(self.stage, protocol=pickle.HIGHEST_PROTOCOL),
            upstream=self.upstream.storage if self.upstream else None,
            upstream_files=self.upstream.data_paths() if self.upstream else {},
            require=self.options.require,
            time_limit=self.options.time_limit,
            last=False,
            drain=f"{DRAINS}/{self.id}",
            slots={},
            run=self.id,
        )

    def _drive(
        self,
        client: Client,
        pending: ShardOrder,
        template: ShardJob,
        slots: Mapping[str, int],
    ) -> None:
        """Keep the window full until nothing is left to do or to wait for."""
        workers = Workers(client, self.dataset.name, self.options, slots, self.emit)
        more = True
        committed = 0
        with Watch(client, self.id) as watch:
            while True:
                if client.status in {"closing", "closed"}:
                    raise InfrastructureError(
                        f"{self.dataset.name}: the scheduler went away; what is committed stays, "
                        "run the command again when it is back"
                    )
                self.check()
                self._heed(watch)
                self._drain(client, template)
                window = self.options.window or max(3, 3 * workers.threads)
                failing = self.failed_in_a_row >= max(4, window)
                while not self.draining and len(self.running) < window:
                    due = self._next_due()
                    if due is None and more:
                        shard = pending.next(failing=failing)
                        more = shard is not None
                        due = _Try(0.0, shard.number, shard) if shard else None
                    if due is None:
                        break
                    self._submit(client, due, template, workers.slots)
                if not self.running and (self.draining or not (self.waiting or more)):
                    if self.draining or not pending.passed_over:
                        return
                    if self.outcome.committed == committed:
                        raise InfrastructureError(
                            f"{self.dataset.name}: {self.failed_in_a_row} shards in a row failed, "
                            f"the last with {next(reversed(self.failed.values()))}; run the "
                            "command again when that is mended"
                        )
                    committed = self.outcome.committed
                    pending.come_back()
                    more = True
                self._take_ended()
                workers.refresh()

    def _heed(self, watch: Watch) -> None:
        """Take what was announced: tasks that have begun, workers that are lost."""
        for announced in watch.take():
            if isinstance(announced, Begun):
                self.begun.add(announced.key)
                continue
            ours = sorted(announced.keys & self.running.keys())
            self.begun.difference_update(ours)
            if ours or not announced.expected:
                shards = tuple(self.running[key][1].number for key in ours)
                self.emit(WorkerLost(self.dataset.name, announced.worker, shards))

    def _drain(self, client: Client, template: ShardJob) -> None:
        """Once the run is to stop, take back what no worker has begun.

        Tasks in a worker's own queue see the mark and end at once, but a paused worker, or none,
        begins nothing. What was announced as begun is finished.
        """
        if not self.stop.is_set():
            return
        if not self.draining:
            self.draining = time.monotonic()
            self.dataset.storage.publish(template.drain, b"")
        if time.monotonic() - self.draining < DRAIN_SECONDS:
            return
        left = [key for key in self.running if key not in self.begun]
        client.cancel([self.running.pop(key)[0] for key in left])

    def _next_due(self) -> _Try | None:
        if self.waiting and self.waiting[0].due <= time.monotonic():
            return heapq.heappop(self.waiting)
        return None

    def _submit(
        self, client: Client, due: _Try, template: ShardJob, slots: Mapping[str, int]
    ) -> None:
        from hdfs_jobs.runs.worker import submit_shard

        wanted = {part.shard for item in due.shard.items for part in item.rows}
        if missing := wanted - template.upstream_files.keys():
            raise UsageError(
                f"{self.dataset.name}: planned over shard {min(missing)} of its upstream "
                "dataset, which is not committed there; finish that first"
            )
        job = replace(
            template,
            shard=due.shard,
            upstream_files={number: template.upstream_files[number] for number in wanted},
            last=due.failures >= self.options.retries,
            slots=slots,
        )
        key = f"{self.dataset.name}-{due.number}-{uuid.uuid4().hex}"
        resources = dict(self.options.resources) or None
        future = submit_shard(client, job, self.options.code, key=key, resources=resources)
        self.running[key] = (future, due)
        future.add_done_callback(lambda ended: self.ended.put(ended.key))

    def _take_ended(self) -> None:
        """Wait a moment for tasks that ended and account for each."""
        try:
            key = self.ended.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        if key not in self.running:
            return
        future, tried = self.running.pop(key)
        result, error = fetch(future, self.dataset, tried.shard)
        if isinstance(error, UsageError):
            raise error
        if error and is_missing_here(error, self.options.code):
            raise UsageError(cannot_load("a worker", error)) from error
        if error:
            self._retry(tried, error)
        elif result is not None:
            self._account(result)

    def _account(self, result: ShardResult) -> None:
        done, name = result.summary, self.dataset.name
        so_far = self.outcome
        self.outcome = replace(
            so_far,
            committed=so_far.committed + 1,
            items=so_far.items + done.items,
            rows=so_far.rows + done.rows,
            quarantined=so_far.quarantined + done.quarantined,
            seconds=so_far.seconds + done.seconds,
        )
        self.failed_in_a_row = 0
        self.fresh.append(done)
        # Rewriting the index when it has grown by a tenth keeps the sum of all rewrites linear.
        if len(self.fresh) >= max(COMPACT_AFTER, self.outcome.shards // 10):
            self._compact()
        for entry in result.quarantined:
            self.emit(ItemQuarantined(name, done.shard, entry))
        committed = self.outcome.committed
        self.emit(ShardCommitted(name, done, committed, result.worker, result.reasons))

    def _retry(self, tried: _Try, error: BaseException) -> None:
        text = _reason(error)
        folder = partials_folder(self.dataset, tried.shard)
        blamed = count_blamed(self.dataset.storage, folder)
        # A death that names an item brings the shard on: each item is named twice at most for
        # each time that its partial results grew.
        failures = tried.failures + (blamed <= tried.blamed)
        if failures > self.options.retries:
            self.failed[tried.number] = text
            self.failed_in_a_row += 1
            self.emit(ShardFailed(self.dataset.name, tried.number, failures, text))
            return
        delay = min(LONGEST_DELAY, self.options.backoff * 2 ** max(0, failures - 1))
        again = _Try(time.monotonic() + delay, tried.number, tried.shard, failures, blamed)
        heapq.heappush(self.waiting, again)
        self.emit(ShardRetried(self.dataset.name, tried.number, failures, text, delay))

    def _compact(self) -> None:
        self.check()
        self.dataset.compact(self.fresh)
        self.fresh.clear()

    def _leave(self, client: Client) -> None:
        """Let go of what still runs, and write down what was done."""
        futures = [future for future, _ in self.running.values()]
        if futures and client.status == "running":
            client.cancel(futures)
        self.running.clear()
        # A storage that is away must not hide what ended the run; gc takes the mark, and readers
        # open the manifests that the index lacks.
        with suppress(OSError):
            self.dataset.storage.delete(f"{DRAINS}/{self.id}")
            if self.fresh:
                self._compact()
