"""Clips out of a model alone: the same bytes whatever the batch and however often it is killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from nsynth_batch.catalog.withheld import WithheldReason
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.loading import open_model
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.models.weights import save_weights
from nsynth_batch.stages.generate import GenerateStage
from nsynth_batch.stages.partial_codes import PartialCodes
from nsynth_batch.stages.primes import ClipRows, prime_of
from nsynth_batch.stages.withheld import WithheldStage
from nsynth_batch.store.lineage import Columns
from nsynth_batch.store.schemas import AUDIO
from sequencer.audio.samples import from_int16, to_int16
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


def segments(*lengths: int) -> pa.Table:
    """Rows of the dataset audio, noise, a segment a recording."""
    draw = np.random.default_rng(2)
    rows = [
        {
            "file_id": f"{i}" * 40,
            "segment": 3,
            "start_seconds": 1.5,
            "samples": draw.integers(-9000, 9000, length).tolist(),
        }
        for i, length in enumerate(lengths)
    ]
    return pa.Table.from_pylist(rows, schema=AUDIO)


def primed(first: int, table: pa.Table) -> Item:
    names = [[name, 3] for name in table.column("file_id").to_pylist()]
    extra = {"first": first, "stop": first + len(names), "primes": names}
    return Item(f"clips {first}-{first + len(names)}", extra=extra, counts_as=len(names))


def test_a_clip_goes_on_from_its_segment_and_a_short_one_is_quarantined(
    stage: GenerateStage, tmp_path: Path
) -> None:
    stage, table = replace(stage, temperature=1.0, prime_samples=800), segments(800, 799, 2000)
    results = list(stage.process(primed(4, table), table, task(tmp_path / "a")))
    [lost] = [r for r in results if isinstance(r, Rejected)]
    assert (lost.key, lost.reason) == ("clip 5", "short-prime")
    assert lost.detail == f"segment 3 of {'1' * 40} is shorter than the 0.1 s to go on from"
    [made] = [r for r in results if isinstance(r, pa.RecordBatch)]
    assert made.schema.equals(stage.schema)
    rows_made = made.to_pylist()
    assert [row["number"] for row in rows_made] == [4, 6]
    model = open_model(stage.spec)
    for row, place in zip(rows_made, (0, 2), strict=True):
        start = round((row["prime"]["start_seconds"] - 1.5) * 8000)
        audio = np.array(table.column("samples")[place].as_py(), np.int16)[start:][:800]
        prime = from_int16(audio)
        name = f"clip {row['number']}"
        [clip] = model.generate(900 / 8000, [name], 7, temperature=1.0, primes=[prime])
        assert row["samples"] == to_int16(clip).tolist()
    # The same in another batch.
    alone = table.slice(2, 1)
    [again] = list(stage.process(primed(6, alone), alone, task(tmp_path / "b")))
    assert isinstance(again, pa.RecordBatch)
    assert again.to_pylist() == rows_made[1:]


def test_a_withheld_prime_takes_its_clip_alone(stage: GenerateStage, tmp_path: Path) -> None:
    stage, table = replace(stage, prime_samples=100), segments(800, 900, 800)
    why = {"1" * 40: WithheldReason("forgotten", "Crow was forgotten")}
    kept = WithheldStage(stage, why, Columns(("file_id",)), ClipRows())
    results = list(kept.process(primed(0, table), table, task(tmp_path)))
    [lost] = [r for r in results if isinstance(r, Rejected)]
    assert (lost.key, lost.reason, lost.row) == ("clip 1", "forgotten", 1)
    [made] = [r for r in results if isinstance(r, pa.RecordBatch)]
    assert made.column("number").to_pylist() == [0, 2]
    assert [row["file_id"][0] for row in made.column("prime").to_pylist()] == ["0", "2"]


def test_a_clip_has_its_own_likelihood_after_its_prime(
    stage: GenerateStage, tmp_path: Path
) -> None:
    table = segments(800, 900, 2000, 801, 800)
    for one, item, read in (
        (stage, batch(0, 5), NOTHING),
        (replace(stage, prime_samples=800), primed(0, table), table),
    ):
        whole = task(tmp_path / f"whole {one.prime_samples}")
        [made] = [r for r in one.process(item, read, whole) if isinstance(r, pa.RecordBatch)]
        model = open_model(one.spec)
        for row in made.to_pylist():
            prime = np.zeros(0, np.float32)
            if one.prime_samples:
                prime = prime_of(
                    table, row["number"], 800, 8000, Draws(7, f"prime {row['number']}")
                ).audio
            audio = np.concatenate([prime, from_int16(np.array(row["samples"], np.int16))])
            nats = model.nll(audio[None], given=len(prime))[0]
            assert row["nll"] == pytest.approx(nats, abs=2e-6)
        without = replace(one, likelihood=False)
        again = task(tmp_path / f"without {one.prime_samples}")
        [bare] = [r for r in without.process(item, read, again) if isinstance(r, pa.RecordBatch)]
        assert bare.drop_columns(["nll"]).equals(made.drop_columns(["nll"]))
        assert bare.column("nll").null_count == 5
