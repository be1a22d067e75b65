"""A step that no other module knows: one file and one line of the registry."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.gc import collect_garbage
from hdfs_jobs.runs.stage import Task
from nsynth_batch.cli import main
from nsynth_batch.pipeline import steps
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.forecast import forecast_run
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.store.derived import derived_rows
from nsynth_batch.store.lineage import Columns, Corpus, corpus_path
from nsynth_batch.store.schemas import CLIPS
from nsynth_batch.store.verify import verify_store

CORPUS, MODEL = "0" * 16, "2" * 16
LEARNED, UNHEARD = "a" * 40, "b" * 40


@dataclass(frozen=True)
class HumStage:
    """Makes a clip of silence of each item."""

    name = "clips"
    schema = CLIPS
    row_group_rows = 16

    def process(self, item: Item, source: pa.Table, task: Task) -> Iterator[pa.RecordBatch]:
        row = {"clip_id": item.key, "mash_id": None, "sample_rate": 16_000, "samples": [0] * 160}
        yield pa.RecordBatch.from_pylist([{**row, "measures": None}], schema=CLIPS)

    def seconds(self, batch: pa.RecordBatch) -> float:
        return 0.01 * len(batch)

    def facts(self, threads: int) -> dict[str, str]:
        return {}


class HumStep(Step):
    """Hum: three clips of a model that has learned from one recording."""

    dataset = "clips"
    command = "hum"
    unit = "hums"
    time_limit = 10.0
    source = Columns(())
    lineage = Corpus("trained_on", row_id="clip_id", model="model")

    def plan(self, context: Context) -> PlannedStep:
        settings = {"trained_on": CORPUS, "model": MODEL}
        dataset = context.dataset(self.dataset, settings, producer="hum/low")
        items = [Item(f"hum {n}") for n in range(3)]
        new = dataset.plan(items, 2, dry_run=context.dry_run)
        return PlannedStep(self, dataset, HumStage(), None, new)

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        pending, new = left_of(planned)
        return Expected(len(pending) + len(new), Amount(0, 3, 0.03))

    def rate(self, context: Context) -> float:
        return 1.0

    def bytes_a_second(self, context: Context) -> float:
        return 32_000.0


@pytest.fixture
def hum(monkeypatch: pytest.MonkeyPatch) -> Step:
    step = HumStep()
    monkeypatch.setattr(steps, "ALL", (*steps.ALL, step))
    return step


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(str(tmp_path / "store"), create=True)
    learned = pa.table({"file_id": [LEARNED]})
    with store.storage.create(corpus_path(CORPUS)) as stream:
        pq.write_table(learned, stream)
    return store


def test_a_step_of_its_own_file_is_run_shown_and_traced(
    hum: Step, store: Store, tmp_path: Path
) -> None:
    settings = load_settings({"store": store.url, "workers": 1})
    assert forecast_run(settings, [hum])["clips"].shards == 2
    planned = steps.require_plan(hum, Context(settings, store))
    with Cluster(workers=1) as cluster:
        assert planned.run(settings, cluster, lambda _: None).rows == 3
    assert forecast_run(settings, [hum])["clips"].shards == 0
    assert steps.step_named("hum") is steps.step_of(planned.dataset) is hum
    # Beside the clips of another producer, which it does not hide.
    mashups = store.dataset("mashups", {"encodings": "1" * 16})
    mashups.plan([], 1)
    decoded = store.dataset("clips", {"mashups": mashups.digest})
    decoded.plan([Item("batch")], 1)
    assert steps.step_of(decoded).command == "decode"
    assert list(steps.producers(store, "clips")) == ["decode", "hum/low"]
    assert steps.producer_of(store, "clips", "decode") == ""
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert main(["status", "--json", "--store", store.url]) == 0
    clips = json.loads(printed.getvalue())["stages"]["clips"]
    assert (clips["shards"], clips["committed"], clips["rows"]) == (3, 2, 3)
    shards = {who: part["shards"] for who, part in clips["producers"].items()}
    assert shards == {"decode": 1, "hum/low": 2}
    found = derived_rows(store, steps.lineage_of, {LEARNED, UNHEARD}, store.names())
    assert found[LEARNED].clips == ["hum 0", "hum 1", "hum 2"]
    assert found[LEARNED].models == [MODEL]
    assert found[UNHEARD].clips == found[UNHEARD].models == []
    assert not list(verify_store(store))
    assert not collect_garbage(store, older_than=0.0, dry_run=True)
