"""The sample rate of a store is that of its model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.cluster import Cluster
from nsynth_batch.cli import main
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.weights import save_weights
from nsynth_batch.pipeline.steps import STEPS
from nsynth_batch.settings.settings import load_settings
from tests.nsynth_batch.builders import TINY
from tests.nsynth_batch.planning import plan, run
from tests.nsynth_batch.recordings import tone, write_wav

NAMES = tuple(step.dataset for step in STEPS)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a model of 8 kHz."""
    path = tmp_path_factory.mktemp("slow") / "slow.safetensors"
    save_weights(random_weights(replace(TINY, sample_rate=8000), seed=3), path)
    return path


def test_a_store_of_another_sample_rate_is_made_whole(
    store: Store, given: dict[str, Any], slow: Path, cluster: Cluster
) -> None:
    given = {**given, "checkpoint": str(slow), "sample_rate": 8000, "segment_seconds": 0.256}
    run(store, given, cluster, *NAMES)
    datasets = {name: store.current_of(name) for name in NAMES}
    audio, clips = datasets["audio"], datasets["clips"]
    assert audio is not None
    assert clips is not None
    assert audio.settings == {"sample_rate": 8000, "segment_samples": 2048, "hop": 512}
    # Recordings of 0.3 s: a segment of 0.256 s each, and what follows is shorter than a hop.
    for name in ("audio", "encodings", "mashups", "clips"):
        dataset = datasets[name]
        assert dataset is not None
        assert dataset.totals().seconds == pytest.approx(3 * 0.256), name
    rows = [row for _, table in clips.tables() for row in table.to_pylist()]
    assert {row["sample_rate"] for row in rows} == {8000}
    assert {len(row["samples"]) for row in rows} == {2048}


def test_a_model_of_another_rate_than_the_segments_is_refused_in_one_line(
    store: Store, given: dict[str, Any], slow: Path, cluster: Cluster
) -> None:
    run(store, given, cluster, "audio")
    words = r"reads audio of 8000 Hz, and .* of 16000 Hz: cut them with --sample-rate 8000"
    with pytest.raises(UsageError, match=words) as raised:
        plan(load_settings({**given, "checkpoint": str(slow)}), store, "encodings")
    assert "\n" not in str(raised.value)


def test_a_run_whose_model_does_not_fit_its_rate_ends_before_it_begins(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "in" / "a.wav", tone(0.3))
    words = ["run", str(tmp_path / "in"), "--store", str(tmp_path / "new"), "--checkpoint"]
    assert main([*words, str(tiny), "--sample-rate", "8000"]) == 2
    error = capsys.readouterr().err
    assert "reads audio of 16000 Hz, and segments would be of 8000 Hz" in error
    assert not (tmp_path / "new").exists()
