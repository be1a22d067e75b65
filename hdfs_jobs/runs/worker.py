"""What a worker does with one shard: items to rows, rows to a file, the file to a manifest."""

from __future__ import annotations

import gc
import json
import pickle
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from hdfs_jobs.cores import usable_cores
from hdfs_jobs.datasets.dataset import Dataset, describe
from hdfs_jobs.datasets.manifest import Manifest, Note, Quarantined
from hdfs_jobs.datasets.parquet import FileFacts, ShardWriter, Spool, difference, read_ranges
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import MISSING, UNREADABLE, BadInput, UsageError, in_one_line
from hdfs_jobs.runs.attempts import Attempt
from hdfs_jobs.runs.code import Code, refuse_other_code, submit_by_name
from hdfs_jobs.runs.item_result import ItemResult
from hdfs_jobs.runs.job import ShardJob, ShardResult
from hdfs_jobs.runs.stage import Partial, Stage, Task
from hdfs_jobs.runs.time_limit import time_limit
from hdfs_jobs.runs.watch import announce
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_source
from hdfs_jobs.storage.remote import LoginError

if TYPE_CHECKING:
    from distributed import Client, Future

SPOOL_BYTES = 8 << 20


def submit_shard(
    client: Client, job: ShardJob, code: Code, **options: object
) -> Future[ShardResult | None]:
    """Submit a shard to Dask; the options are those of `Client.submit`."""
    # By value what a script defines, as Dask has it.
    from distributed.protocol.pickle import dumps

    arguments = (dumps(job), code.packages, code.distribution, code.proof())
    return submit_by_name(client, run_shard, *arguments, **options)


def run_shard(
    pickled: bytes, packages: tuple[str, ...], distribution: str, proof: Mapping[str, str]
) -> ShardResult | None:
    """Do one shard on a Dask worker; see `do_shard`.

    Its thread is given up for the next shard while this one is brought to storage: that is a wait
    more than work, such as hdfs-native's of half a second for the NameNode to know the last block.

    Parameters
    ----------
    pickled : bytes
        The `ShardJob`: not opened before the code is known to be the same.
    packages : tuple of str
        What counts of the code.
    distribution : str
        What its version is that of.
    proof : mapping of str to str
        What the command's own code shows.
    """
    from distributed import get_worker, secede

    worker = get_worker()
    refuse_other_code(packages, distribution, proof, f"worker {worker.address}")
    job: ShardJob = pickle.loads(pickled)
    announce(job.run, str(worker.get_current_task()))
    done = do_shard(job, threads_for(job.slots), secede)
    return done and replace(done, worker=worker.address)


def do_shard(
    job: ShardJob, threads: int, processed: Callable[[], None] | None = None
) -> ShardResult | None:
    """Do one shard and commit it; a shard that is committed already is left as it is.

    Parameters
    ----------
    job : ShardJob
        What to do.
    threads : int
        Threads that the stage may use.
    processed : callable or None
        Called once the stage is through with the shard, before it is committed.

    Returns
    -------
    ShardResult or None
        None if the run is being drained and nothing was begun.

    Raises
    ------
    UsageError
        This worker is not what the plan demands.
    OSError
        Storage failed; the shard can be tried again.
    """
    storage = job.dataset.storage
    done, leaves = job.dataset.find(job.shard), True
    if done is None:
        if _is_file(storage, job.drain):
            return None
        stage = _load_stage(job.stage)
        facts = stage.facts(threads)
        _refuse_other_facts(job, facts)
        attempt = Attempt(storage, job.partials, job.time_limit)
        kept = Partial(storage, job.partials)
        # No item caused this, so none is quarantined; the shard is retried.
        longest = None if job.time_limit is None else job.time_limit + job.stall
        try:
            with attempt.begun(), time_limit(longest, _nothing) as alive:
                seen = processed or _nothing
                done = _Work(job, stage, attempt, kept, facts, threads, alive, seen).commit()
            leaves = storage.has_folders or not attempt.is_first or kept.is_used
        except OSError:
            # Another attempt that won meanwhile takes marks and partial results away.
            done = job.dataset.find(job.shard)
            if done is None:
                raise
    # The shard is committed, whatever comes of this: gc takes what is left.
    if leaves:
        with suppress(OSError):
            storage.delete(job.partials, recursive=True)
    return ShardResult.of(done)


def _is_file(storage: Storage, path: str) -> bool:
    """Whether a small file is there; a folder would take S3 another request."""
    try:
        storage.read_bytes(path)
    except FileNotFoundError:
        return False
    return True


def _nothing() -> None:
    """Blame no item, and call nothing back."""


@lru_cache(maxsize=4)
def _load_stage(pickled: bytes) -> Stage:
    """Return the same instance for the same bytes, so that it loads its model once a process."""
    try:
        stage: Stage = pickle.loads(pickled)
    except ImportError as error:
        raise UsageError(
            f"a worker cannot load the stage ({error}): install the same there"
        ) from error
    return stage


def _refuse_other_facts(job: ShardJob, facts: Mapping[str, str]) -> None:
    other = {name: facts.get(name, "unknown") for name in job.require}
    if other != dict(job.require):
        raise UsageError(
            f"a worker has {describe(other)} where the plan of {job.dataset.name} demands "
            f"{describe(job.require)}: give the run workers of that kind only"
        )


class _Work:
    """One attempt at a shard, from its items to its manifest."""

    def __init__(
        self,
        job: ShardJob,
        stage: Stage,
        attempt: Attempt,
        kept: Partial,
        facts: Mapping[str, str],
        threads: int,
        alive: Callable[[], None],
        processed: Callable[[], None],
    ) -> None:
        self._job = job
        self._alive = alive
        self._processed = processed
        self._stage = stage
        self._attempt = attempt
        self._facts = facts
        self._partial = kept
        self._threads = threads
        self._quarantined: list[Quarantined] = []
        self._notes: list[Note] = []
        self._counters: Counter[str] = Counter()
        self._seconds = 0.0

    def commit(self) -> Manifest:
        """Write the data file, read it back, then let the manifest make it count."""
        started = time.monotonic()
        dataset, shard = self._job.dataset, self._job.shard
        file = f"{shard.number:08d}-{self._attempt.id}.parquet"
        facts = self._write(f"{dataset.path}/{file}")
        if wrong := difference(dataset.storage, f"{dataset.path}/{file}", facts):
            raise OSError(f"{dataset.storage.url}/{dataset.path}/{file}: read back {wrong}")
        manifest = Manifest(
            shard=shard.number,
            input_digest=shard.digest,
            attempt=self._attempt.id,
            file=file,
            items=len(shard.items),
            rows=facts.rows,
            bytes=facts.bytes,
            sha256=facts.sha256,
            seconds=self._seconds,
            wall_seconds=round(time.monotonic() - started, 3),
            settings=dataset.settings,
            facts=dict(self._facts),
            counters=dict(self._counters),
            quarantined=tuple(self._quarantined),
            settles=tuple(entry for item in shard.items for entry in item.settles),
            notes=tuple(self._notes),
            finished_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        return self._publish(manifest)

    def _publish(self, manifest: Manifest) -> Manifest:
        dataset = self._job.dataset
        entries = quarantine_path(dataset, manifest)
        if manifest.quarantined:
            dataset.storage.publish(entries, self._quarantine_lines(manifest))
        if dataset.publish(manifest):
            return manifest
        # A publish whose answer was lost looks like one that was beaten: the attempt decides.
        winner = dataset.find(self._job.shard)
        if winner is None:
            raise OSError(f"{dataset.path}: the manifest of shard {manifest.shard} vanished")
        if winner.attempt != manifest.attempt:
            dataset.storage.delete_file(f"{dataset.path}/{manifest.file}")
            dataset.storage.delete_file(entries)
        return winner

    def _quarantine_lines(self, manifest: Manifest) -> bytes:
        urls = {item.key: item.url for item in self._job.shard.items}
        same = {"stage": self._stage.name, "shard": manifest.shard, "time": manifest.finished_at}
        lines = (
            {**asdict(entry), **same, "url": urls.get(entry.key)} for entry in manifest.quarantined
        )
        return "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode()

    def _write(self, path: str) -> FileFacts:
        with self._job.dataset.storage.create(path) as stream:
            schema, group = self._stage.schema, self._stage.row_group_rows
            with ShardWriter(stream, schema, group) as writer:
                for item in self._job.shard.items:
                    self._do_item(item, writer)
                    self._alive()
                facts = writer.finish()
            self._processed()
            return facts

    def _do_item(self, item: Item, writer: ShardWriter) -> None:
        """Write an item's rows, or quarantine it, or raise to have the shard tried again."""
        if passed := self._attempt.timed_out(item.key):
            self._quarantine(item, "timeout", f"took more than {passed:g} seconds", "TimeLimit")
        elif self._attempt.killed(item.key):
            self._quarantine(item, "crash", "two worker processes died at it", "WorkerDied")
        else:
            try:
                self._process_patiently(item, writer)
            except BadInput as error:
                self._quarantine(item, error.reason, error.detail, type(error).__name__)
            except (OSError, UsageError):
                raise
            except Exception as error:
                if not self._job.last:
                    raise
                reason = "memory" if isinstance(error, MemoryError) else "error"
                self._quarantine(item, reason, str(error), type(error).__name__)

    def _process_patiently(self, item: Item, writer: ShardWriter) -> None:
        """Run the stage on an item, on the last try twice.

        An item may fail for the first time then, if it was another that failed the tries before.
        """
        if self._job.last:
            try:
                return self._process(item, writer)
            except (BadInput, OSError, UsageError):
                raise
            except Exception:
                gc.collect()
        return self._process(item, writer)

    def _process(self, item: Item, writer: ShardWriter) -> None:
        """Run the stage on an item; what it gave counts only once it has given all."""
        leave_mark = partial(self._attempt.leave_timeout, item.key)
        with ExitStack() as stack:
            stack.enter_context(self._attempt.item(item.key))
            held = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))
            spool = Spool(held, self._stage.schema)
            given = ItemResult(item, self._stage, spool)
            source = self._open(item, stack)
            # A storage that keeps the item waiting before and after is no fault of its own.
            with time_limit(self._job.time_limit, leave_mark) as renew:

                def beat() -> None:
                    renew()
                    self._alive()

                task = Task(self._threads, self._partial, beat)
                for result in self._stage.process(item, source, task):
                    given.add(result)
            _pass_on(spool, writer)
        self._seconds += given.seconds
        self._counters += given.counters
        self._quarantined += given.rejected
        self._notes += given.notes

    def _open(self, item: Item, stack: ExitStack) -> BinaryIO | pa.Table:
        if item.url is not None:
            try:
                return stack.enter_context(open_source(self._job.dataset.storage, item.url))
            except LoginError:
                raise  # it is this worker that lacks something, for every recording
            except (FileNotFoundError, PermissionError) as error:
                # One recording must not hold up the others; what it lacks may come back.
                reason, why = UNREADABLE, "may not be read by this user"
                if isinstance(error, FileNotFoundError):
                    reason, why = MISSING, "is missing since it was planned"
                raise BadInput(reason, f"{error.filename or item.url} {why}") from error
        if item.rows:
            if self._job.upstream is None:
                raise UsageError(f"{self._job.dataset.name}: its items need an upstream dataset")
            return read_ranges(self._job.upstream, self._job.upstream_files, item.rows)
        return pa.table({})

    def _quarantine(self, item: Item, reason: str, detail: str, error: str) -> None:
        entry = Quarantined(
            item.key, item.title, reason, in_one_line(detail), error, item.lost_rows
        )
        self._quarantined.append(entry)


def _pass_on(spool: Spool, writer: ShardWriter) -> None:
    """Write an item's rows into the shard's file.

    Whatever fails here is the shard's failure, for some of the rows are in its file already: the
    item must neither be run again on that file nor be quarantined.
    """
    try:
        for batch in spool.replay():
            writer.write(batch)
    except Exception as error:
        raise OSError(f"the shard could not be written: {error}") from error


def quarantine_path(dataset: Dataset, manifest: Manifest) -> str:
    """Return the file that repeats a manifest's quarantine for people and their tools."""
    return f"{dataset.quarantine}/{manifest.shard:08d}-{manifest.attempt}.jsonl"


def threads_for(slots: Mapping[str, int]) -> int:
    """Return the threads that a task may use: cores of this machine over the workers on it."""
    from distributed import get_worker
    from distributed.comm.addressing import get_address_host

    worker = get_worker()
    mates = slots.get(get_address_host(worker.address), worker.state.nthreads)
    return max(1, usable_cores() // mates)
