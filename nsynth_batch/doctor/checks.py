"""What a run finds on this machine, and what it would miss."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from hdfs_jobs.cores import usable_cores
from hdfs_jobs.datasets.store import MARKER, Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.cluster import Certificates, Cluster
from hdfs_jobs.runs.code import check_workers
from hdfs_jobs.storage.open import is_remote, open_storage
from hdfs_jobs.storage.probe import probe
from nsynth_batch.doctor.gpus import describe, find_devices, seen_by_tensorflow
from nsynth_batch.errors import failure
from nsynth_batch.models.machine import available_memory
from nsynth_batch.pipeline.step import CODE
from nsynth_batch.settings.choices import EngineName
from nsynth_batch.settings.settings import Settings
from nsynth_batch.text import one_line, size
from sequencer.text import counted

_PACKAGES = (
    "nsynth-batch", "dask", "distributed", "numpy", "pyarrow", "soundfile", "soxr", "safetensors",
    "tensorflow", "tensorflow-cpu", "tensorflow-rocm",
)  # fmt: skip
_ANSWER_SECONDS = 30.0
_ENGINES: tuple[EngineName, ...] = ("native", "tensorflow", "magenta")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what
        What was looked at.
    found
        What it is, or what is wrong with it and what to do.
    works
        Whether it can be used.
    needed
        Whether these settings need it.
    """

    what: str
    found: str
    works: bool = True
    needed: bool = True

    @property
    def broken(self) -> bool:
        """Whether a run would fail for it."""
        return self.needed and not self.works


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that a run with some settings uses.

    Parameters
    ----------
    settings : Settings
        What would be run.

    Yields
    ------
    Finding
    """
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("cores", f"{usable_cores()}, {_memory()}")
    yield Finding("packages", ", ".join(f"{name} {v}" for name, v in _versions()))
    yield _gpus(needed=settings.engine == "tensorflow")
    for engine in _ENGINES:
        yield tried(
            f"engine {engine}",
            partial(_engine, settings.checkpoint, engine),
            needed=settings.engine == engine,
        )
    yield tried(f"decoding in --precision {settings.precision}", partial(_decoding, settings))
    yield tried(
        f"checkpoint {settings.checkpoint} by --engine {settings.engine}",
        partial(_checkpoint, settings.checkpoint, settings.engine),
    )
    yield tried(f"store {settings.store}", partial(_store, settings.store))
    if settings.scheduler is not None:
        yield tried(f"scheduler {settings.scheduler}", partial(_scheduler, settings))
        if is_remote(settings.store):
            yield tried("the store from every worker", partial(_store_of_workers, settings))


def tried(what: str, look: Callable[[], str], *, needed: bool = True) -> Finding:
    """Return what was found by a look at something; an error is a finding, too."""
    try:
        return Finding(what, look(), needed=needed)
    except Exception as error:
        # The line begins with what was looked at, as does the message of many an error.
        message = one_line(failure(error).message)
        for said in (what, what.partition(" ")[2]):
            message = message.removeprefix(f"{said}: ")
        return Finding(what, message, works=False, needed=needed)


def _gpus(*, needed: bool) -> Finding:
    try:
        devices = find_devices()
        groups = {os.getegid(), *os.getgroups()}
        found, works = describe(devices, groups, seen_by_tensorflow())
    except Exception as error:
        return Finding("gpus", one_line(failure(error).message), works=False, needed=needed)
    # TensorFlow runs on CPUs as well: only a GPU that is there and cannot be used is broken.
    return Finding("gpus", found, works=works, needed=needed and bool(devices))


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _memory() -> str:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size(available_memory())} of {size(whole)} of memory left to this process"


def _engine(checkpoint: str, engine: EngineName) -> str:
    from nsynth_batch.models.loading import load_model

    model = load_model(checkpoint, engine=engine)
    runs = model.engine
    versions = ", ".join(f"{name} {number}" for name, number in runs.versions.items())
    return f"{runs.precision}, {runs.instruction_set}, {runs.device}, {versions}"


def _decoding(settings: Settings) -> str:
    from nsynth_batch.pipeline.audio import segment_samples
    from nsynth_batch.pipeline.model import RunModel

    models = RunModel(settings)
    samples = segment_samples(settings.segment_seconds, settings.sample_rate)
    return models.memory_note(models.decoder.engine.full_batch(samples), samples)


def _checkpoint(checkpoint: str, engine: EngineName) -> str:
    from nsynth_batch.models.loading import load_model

    facts = load_model(checkpoint, engine=engine).facts()
    return f"runs on engine {facts['engine']}, its weights have SHA-256 {facts['checkpoint']}"


def _store(url: str) -> str:
    storage = open_storage(url)
    if storage.exists(MARKER):
        Store.open(url)
        probe(storage)
        return f"{storage.url} can be read and written"
    if next(storage.list(), None) is None:
        probe(storage)
        return f"{storage.url} is free; the first harvest makes the store"
    Store.open(url)
    return f"{storage.url} can be read"


def _scheduler(settings: Settings) -> str:
    with _cluster(settings) as cluster:
        check_workers(cluster.client(), CODE, _ANSWER_SECONDS)
        workers = cluster.client().scheduler_info(n_workers=-1)["workers"]
        threads = sum(worker["nthreads"] for worker in workers.values())
        return f"{counted(len(workers), 'worker')}, {counted(threads, 'thread')}"


def _store_of_workers(settings: Settings) -> str:
    """Have each worker try the store: credentials of the driver are none of theirs."""
    with _cluster(settings) as cluster:
        answers = cluster.client().run(_store, settings.store, on_error="return")
    for worker, answer in answers.items():
        if isinstance(answer, BaseException):
            raise UsageError(f"worker {worker}: {one_line(failure(answer).message)}")
    return f"tried by {len(answers)}, as above"


def _cluster(settings: Settings) -> Cluster:
    certificates = Certificates(settings.tls_ca, settings.tls_cert, settings.tls_key)
    return Cluster(settings.scheduler, certificates=certificates)
