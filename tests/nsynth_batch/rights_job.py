"""A job of a few recordings with rights, and what tests of rights ask of one."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.cli import main
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.step import PlannedStep
from nsynth_batch.pipeline.steps import require_plan, step_named
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.store.forget import find
from tests.nsynth_batch.job import SEGMENT_SECONDS, Job
from tests.nsynth_batch.recordings import tone, write_wav

STAGES = ("audio", "encodings", "mashups", "clips")
NAMES = ("crow", "owl", "wren", "=lark")


@dataclass
class Said:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def say(job: Job, *words: str) -> Said:
    """Give a command in this process: a new one takes a second to start."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, "--store", job.url])
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(None, 1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Path, cluster: Cluster) -> Job:
    """A job of five recordings, done with six pairs."""
    job = Job(tmp_path_factory.mktemp("job"), tiny)
    for at, name in enumerate(NAMES):
        write_wav(job.recordings / f"{name}.wav", tone(0.4, 200 + 30 * at))
    write_wav(job.recordings / "sub" / "crow.wav", tone(0.4, 500))
    (job.recordings / "sources.csv").write_text(
        "file,author,licence,category,source_url\n"
        "owl.wav,Ann,CC-BY-4.0,Bird songs,https://birds.example/Eagle%20owl\n"
        "=lark.wav,-Ben,CC0-1.0,Choirs,\n"
    )
    store = Store.open(job.url, create=True)
    harvest(FolderSource(open_storage(str(job.recordings))), lambda: store.storage)
    work(job, cluster, STAGES, pairs=6)
    return job


@pytest.fixture
def job(whole: Job, tmp_path: Path, tiny: Path) -> Job:
    """A copy of it, to spoil."""
    copy = Job(tmp_path, tiny)
    shutil.copytree(whole.recordings, copy.recordings, dirs_exist_ok=True)
    shutil.copytree(whole.url, copy.url)
    return copy


def context(job: Job, **more: object) -> Context:
    settings = load_settings(
        {
            "checkpoint": job.checkpoint,
            "segment_seconds": SEGMENT_SECONDS,
            "workers": 1,
            "store": job.url,
            **more,
        }
    )
    return Context(settings, job.store())


def plan_of(job: Job, name: str, **more: object) -> PlannedStep:
    """Plan the step that writes a dataset."""
    return require_plan(step_named(name), context(job, **more))


def work(job: Job, cluster: Cluster, names: tuple[str, ...], **more: object) -> list[str]:
    """Do stages; give what they had to note."""
    notes: list[str] = []
    for name in names:
        ours = context(job, **more)
        planned = require_plan(step_named(name), ours)
        notes += planned.notes
        planned.run(ours.settings, cluster, lambda event: None)
    return notes


def recording(job: Job, title: str) -> Recording:
    [found] = find(Catalog(job.store().storage).recordings(), [title])
    return found


def titles(job: Job, name: str) -> set[str]:
    """Titles of the recordings that the latest dataset of a stage holds something of."""
    recordings = Catalog(job.store().storage).recordings()
    dataset = job.store().current_of(name)
    assert dataset is not None
    columns = ["a", "b"] if name == "mashups" else ["file_id"]
    rows = [row for _, table in dataset.tables(columns) for row in table.to_pylist()]
    ids = {row["file_id"] if "file_id" in row else row[s]["file_id"] for row in rows for s in row}
    return {recordings[file_id].title for file_id in ids}
