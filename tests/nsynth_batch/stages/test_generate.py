"""Clips out of a model alone: the same bytes whatever the batch and however often it is killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.runs.stage import Counted, Task
from nsynth_batch.models.loading import open_model
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.models.weights import save_weights
from nsynth_batch.stages.generate import GenerateStage
from nsynth_batch.stages.partial_codes import PartialCodes
from tests.nsynth_batch.builders import task

CONFIG = PlainConfig(num_layers=4, num_stages=2, width=6, skip_width=10, sample_rate=8000)
NOTHING = pa.table({})


@pytest.fixture
def stage(tmp_path: Path) -> GenerateStage:
    checkpoint = tmp_path / "model.safetensors"
    save_weights(FAMILY.initial(CONFIG, 3), checkpoint)
    spec = ModelSpec(str(checkpoint), threads=1)
    spec = spec.settled(open_model(spec).facts())
    return GenerateStage(spec, 7, (0.6, 1.2), 900, 8000, save_seconds=0.0)


def batch(first: int, stop: int) -> Item:
    return Item(f"clips {first}-{stop}", extra={"first": first, "stop": stop})


def rows(stage: GenerateStage, item: Item, of: Task) -> list[dict[str, object]]:
    results = [r for r in stage.process(item, NOTHING, of) if isinstance(r, pa.RecordBatch)]
    return pa.Table.from_batches(results, schema=stage.schema).to_pylist()


def test_a_clip_is_the_same_in_any_batch(stage: GenerateStage, tmp_path: Path) -> None:
    together = rows(stage, batch(0, 5), task(tmp_path / "a"))
    assert [row["number"] for row in together] == [0, 1, 2, 3, 4]
    assert all(len(row["samples"]) == 900 and row["sample_rate"] == 8000 for row in together)
    assert len({row["clip_id"] for row in together}) == 5
    assert len({tuple(row["samples"]) for row in together}) == 5
    assert rows(stage, batch(3, 5), task(tmp_path / "b", threads=2)) == together[3:]


def test_a_batch_that_is_killed_goes_on_and_has_the_same_bytes(
    stage: GenerateStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows(stage, batch(0, 3), task(tmp_path / "whole"))
    save, saves = PartialCodes.save, []

    def save_and_die(self: PartialCodes, codes: list[object]) -> None:
        save(self, codes)
        saves.append([len(clip) for clip in codes])
        if len(saves) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PartialCodes, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            rows(stage, batch(0, 3), task(tmp_path / "killed"))
    assert 0 < sum(saves[-1]) < 3 * 900
    results = list(stage.process(batch(0, 3), NOTHING, task(tmp_path / "killed")))
    counted = [r for r in results if isinstance(r, Counted)]
    assert counted == [Counted("resumed_samples", sum(saves[-1]))]
    batches = [r for r in results if isinstance(r, pa.RecordBatch)]
    assert pa.Table.from_batches(batches).to_pylist() == whole
    # What was made and not committed is taken as it is.
    assert rows(stage, batch(0, 3), task(tmp_path / "killed")) == whole


def test_an_id_follows_from_number_and_settings(stage: GenerateStage, tmp_path: Path) -> None:
    changed = [
        stage,
        replace(stage, seed=8),
        replace(stage, temperature=0.6),
        replace(stage, samples=800),
    ]
    made = [rows(one, batch(0, 1), task(tmp_path / str(i))) for i, one in enumerate(changed)]
    assert len({row["clip_id"] for [row] in made}) == len(changed)
    # A shorter clip at one temperature is the beginning of a longer one.
    one, longer = (replace(stage, temperature=1.0, samples=n) for n in (300, 500))
    [short] = rows(one, batch(0, 1), task(tmp_path / "short"))
    [long] = rows(longer, batch(0, 1), task(tmp_path / "long"))
    assert long["samples"][:300] == short["samples"]
