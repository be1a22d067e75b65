"""Run one stage over the pending shards of one dataset, on Dask."""

from __future__ import annotations

import heapq
import pickle
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hdfs_jobs.datasets.dataset import DRAINS, Dataset
from hdfs_jobs.datasets.manifest import Summary
from hdfs_jobs.datasets.plan import Shard
from hdfs_jobs.errors import InfrastructureError, UsageError, in_one_line
from hdfs_jobs.runs.attempts import count_blamed
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import (
    Event,
    ItemQuarantined,
    Outcome,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageStarted,
)
from hdfs_jobs.runs.order import Pending
from hdfs_jobs.runs.stage import Stage
from hdfs_jobs.runs.workers import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

    from hdfs_jobs.runs.worker import ShardJob, ShardResult

POLL_SECONDS = 0.2
LONGEST_DELAY = 30.0
COMPACT_AFTER = 1000


def run_stage(
    dataset: Dataset,
    stage: Stage,
    *,
    upstream: Dataset | None = None,
    cluster: Cluster,
    time_limit: float | None = None,
    retries: int = 3,
    window: int | None = None,
    require: Mapping[str, str] | None = None,
    resources: Mapping[str, float] | None = None,
    prefer: Mapping[str, float] | None = None,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    check: Callable[[], None] | None = None,
    backoff: float = 1.0,
    patience: float = 120.0,
) -> Outcome:
    """Commit every planned shard that is not committed yet.

    A shard whose attempt fails is tried again `retries` times, after growing delays; one that
    lost its worker to an item that can be named is tried again for free. Bad input is
    quarantined at once; what a stage cannot explain (any exception that is no OSError), on the
    last try. If a shard fails to the last, for a source file that is gone as well, the others are
    still done; where nothing succeeds any more, a few more of them are tried first, from here to
    the end of the plan. Then the run ends with InfrastructureError.

    Parameters
    ----------
    dataset : Dataset
        Planned; where the rows go.
    stage : Stage
        What is done.
    upstream : Dataset or None
        What the rows of the items refer to.
    cluster : Cluster
        Started only if there is something to do.
    time_limit : float or None
        Seconds an item; after them its process is ended and the item quarantined.
    retries : int
        Further tries for a shard.
    window : int or None
        Shards given to Dask at once; None for three a worker thread: one is brought to storage
        while the next is done, and one waits.
    require : mapping of str to str or None
        Facts that each worker must report, settled with the first run of the dataset.
    resources : mapping of str to float or None
        Dask resources that a shard takes.
    prefer : mapping of str to float or None
        Dask resources that a shard takes as well where any worker offers them.
    on_event : callable or None
        Told of everything, in the calling thread.
    stop : threading.Event or None
        Once set, what runs is finished, and nothing else is begun.
    check : callable or None
        Raises once this run may write no more; called every moment.
    backoff : float
        Seconds before the first retry; doubled for each further one, up to half a minute.
    patience : float
        Seconds to wait for workers or the scheduler to come back.

    Returns
    -------
    Outcome
        What this run did.

    Raises
    ------
    UsageError
        The plan was altered, or a worker cannot keep to it. Nothing is retried.
    InfrastructureError
        Shards are left undone. The same call takes up where this one ended.
    """
    run = _Run(
        dataset=dataset,
        stage=stage,
        upstream=upstream,
        retries=retries,
        window=window,
        resources=dict(resources or {}),
        prefer=dict(prefer or {}),
        backoff=backoff,
        patience=patience,
        tell=on_event or _ignore,
        stop=stop or threading.Event(),
        check=check or _no_objection,
    )
    return run.go(cluster, dataset.freeze(require or {}), time_limit)


def _ignore(event: Event) -> None:
    """Tell nobody."""


def _no_objection() -> None:
    """Let the run go on."""


def _reason(error: BaseException) -> str:
    """Say what went wrong with a shard; Dask's own words for a lost worker fill a screen."""
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
    retries: int
    window: int | None
    resources: dict[str, float]
    prefer: Mapping[str, float]
    backoff: float
    patience: float
    tell: Callable[[Event], None]
    stop: threading.Event
    check: Callable[[], None]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    running: dict[str, tuple[Future[Any], _Try]] = field(default_factory=dict)
    ended: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    waiting: list[_Try] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    failed_in_a_row: int = 0
    fresh: list[Summary] = field(default_factory=list)
    outcome: Outcome = field(init=False)

    def go(self, cluster: Cluster, require: Mapping[str, str], limit: float | None) -> Outcome:
        """Do all, from the plan to the outcome."""
        started = time.monotonic()
        dataset = self.dataset
        pending = Pending(dataset)
        shards = len(dataset.shards())
        self.outcome = Outcome(dataset.name, shards, 0, 0, 0, 0, 0.0, 0.0, False)
        self.tell(StageStarted(dataset.name, shards, len(pending)))
        if len(pending) and not self.stop.is_set():
            dataset.forget_deleted()
            client = cluster.client()
            self.resources |= {k: n for k, n in self.prefer.items() if cluster.offers(k)}
            template = self._template(require, limit)
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
        self.tell(StageFinished(self.outcome))
        return self.outcome

    def _template(self, require: Mapping[str, str], limit: float | None) -> ShardJob:
        """Return a job that lacks only its shard."""
        from distributed.protocol.pickle import dumps

        from hdfs_jobs.runs.worker import ShardJob

        return ShardJob(
            dataset=self.dataset,
            shard=Shard.of(0, ()),
            stage=dumps(self.stage, protocol=pickle.HIGHEST_PROTOCOL),
            upstream=self.upstream.storage if self.upstream else None,
            upstream_files=self.upstream.data_paths() if self.upstream else {},
            require=require,
            time_limit=limit,
            last=False,
            drain=f"{DRAINS}/{self.id}",
            slots={},
        )

    def _drive(
        self,
        client: Client,
        pending: Pending,
        template: ShardJob,
        slots: Mapping[str, int],
    ) -> None:
        """Keep the window full until nothing is left to do or to wait for."""
        workers = Workers(client, self.resources, self.patience, slots)
        draining = False
        more = True
        committed = 0
        while True:
            if client.status in {"closing", "closed"}:
                raise InfrastructureError(
                    f"{self.dataset.name}: the scheduler went away; what is committed stays, run "
                    "the command again when it is back"
                )
            if self.stop.is_set() and not draining:
                # Tasks that wait in a worker's own queue cannot be told apart from here.
                draining = True
                self.dataset.storage.publish(template.drain, b"")
            self.check()
            window = self.window or max(3, 3 * workers.threads)
            failing = self.failed_in_a_row >= max(4, window)
            while not draining and len(self.running) < window:
                due = self._next_due()
                if due is None and more:
                    shard = pending.next(failing=failing)
                    more = shard is not None
                    due = _Try(0.0, shard.number, shard) if shard else None
                if due is None:
                    break
                self._submit(client, due, template, workers.slots)
            if not self.running and (draining or not (self.waiting or more)):
                if draining or not pending.passed_over:
                    return
                if self.outcome.committed == committed:
                    raise InfrastructureError(
                        f"{self.dataset.name}: {self.failed_in_a_row} shards in a row failed, the "
                        f"last with {next(reversed(self.failed.values()))}; run the command again "
                        "when that is mended"
                    )
                committed = self.outcome.committed
                pending.come_back()
                more = True
            self._take_ended()
            workers.refresh()

    def _next_due(self) -> _Try | None:
        if self.waiting and self.waiting[0].due <= time.monotonic():
            return heapq.heappop(self.waiting)
        return None

    def _submit(
        self, client: Client, due: _Try, template: ShardJob, slots: Mapping[str, int]
    ) -> None:
        from hdfs_jobs.runs.worker import run_shard

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
            last=due.failures >= self.retries,
            slots=slots,
        )
        key = f"{self.dataset.name}-{due.number}-{uuid.uuid4().hex}"
        future = client.submit(
            run_shard, job, key=key, pure=False, resources=dict(self.resources) or None
        )
        self.running[key] = (future, due)
        future.add_done_callback(lambda ended: self.ended.put(ended.key))

    def _take_ended(self) -> None:
        """Wait a moment for tasks that ended and account for each."""
        try:
            key = self.ended.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        future, tried = self.running.pop(key)
        error: BaseException | None
        try:
            error = CancelledError("lost") if future.cancelled() else future.exception()
            result: ShardResult | None = None if error else future.result()
        except Exception as lost:
            # What was said went away with the scheduler, or with its worker, before it was fetched
            # from there: Dask then does the shard again, and that can end in any way.
            error = lost
        if isinstance(error, UsageError):
            raise error
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
            self.tell(ItemQuarantined(name, done.shard, entry))
        committed = self.outcome.committed
        self.tell(ShardCommitted(name, done, committed, result.worker, result.reasons))

    def _retry(self, tried: _Try, error: BaseException) -> None:
        from hdfs_jobs.runs.worker import partials_folder

        text = _reason(error)
        folder = partials_folder(self.dataset, tried.shard)
        blamed = count_blamed(self.dataset.storage, folder)
        # A death that names an item brings the shard on: each item is named twice at most for
        # each time that its partial results grew.
        failures = tried.failures + (blamed <= tried.blamed)
        if failures > self.retries:
            self.failed[tried.number] = text
            self.failed_in_a_row += 1
            self.tell(ShardFailed(self.dataset.name, tried.number, failures, text))
            return
        delay = min(LONGEST_DELAY, self.backoff * 2 ** max(0, failures - 1))
        again = _Try(time.monotonic() + delay, tried.number, tried.shard, failures, blamed)
        heapq.heappush(self.waiting, again)
        self.tell(ShardRetried(self.dataset.name, tried.number, failures, text, delay))

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
