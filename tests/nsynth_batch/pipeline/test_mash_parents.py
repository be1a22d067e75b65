"""A store of mash-ups of three recordings, one of them stretched: from plan to credits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfs_jobs.datasets.store import Store
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.steps import require_plan, step_named
from nsynth_batch.settings.settings import load_settings
from sequencer.cli import main as sequencer
from sequencer.clips.clips import read_clips
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

NAMES = ("bell", "crow", "rain", "wind")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    job = Job(tmp_path_factory.mktemp("job"), tiny)
    for number, name in enumerate(NAMES):
        write_wav(job.recordings / f"{name}.wav", tone(0.6, 300 + 50 * number))
    words = ("--parents", "3", "--stretch", "1,1.5,1", "--curve", "linear", "--pairs", "3")
    ran = job.do(
        *("run", str(job.recordings), "--checkpoint", str(tiny), "--workers", "1", *words),
        *("--segment-seconds", "0.608"),
        more=False,
    )
    assert ran.returncode == 0, ran.stderr
    return job


def test_clips_carry_each_parent_and_its_weights_to_the_credits(job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    assert job.ask("clips", "--to", str(folder), "--parents").returncode == 0
    clips = read_clips(folder)
    assert len(clips) == 3
    for clip in clips:
        assert len({parent.file_id for parent in clip.parents}) == 3
        assert all((folder / parent.sound).is_file() for parent in clip.parents)
        weights = np.array([parent.weights for parent in clip.parents])
        np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-3)
        assert np.argmax(weights[:, [0, weights.shape[1] // 2, -1]], axis=0).tolist() == [0, 1, 2]
        assert clip.samples == weights.shape[1] * 512
    piece = tmp_path / "piece.wav"
    words = ["compose", str(folder), "-o", str(piece), "--minutes", "0.03", "--keep-all"]
    assert sequencer(words) == 0
    assert sequencer(["credits", str(piece.with_suffix(".score.json"))]) == 0


def test_a_forgotten_parent_is_behind_each_clip_it_is_the_third_of(
    job: Job, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    assert job.ask("clips", "--to", str(folder)).returncode == 0
    third = read_clips(folder)[0].parents[2].file_id
    derived = sum(any(p.file_id == third for p in clip.parents) for clip in read_clips(folder))
    done = job.ask("forget", third, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"{derived} clip" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ({"parents": 2}, True),
        ({"stretch": "1"}, True),
        ({"stretch": "1,1"}, True),
        ({"stretch": "1.5"}, False),
        ({"parents": 3}, False),
        ({"curve": "blend"}, False),
        ({"curve": "blend", "weights": "0.3"}, False),
    ],
)
def test_what_older_stores_had_keeps_their_digest(
    job: Job, words: dict[str, Any], kept: bool
) -> None:
    given = {"store": job.url, "checkpoint": job.checkpoint, "segment_seconds": 0.608}

    def digest(more: dict[str, Any]) -> str:
        settings = load_settings({**given, **more})
        context = Context(settings, Store.open(job.url), dry_run=True)
        return require_plan(step_named("mash"), context).dataset.digest

    assert (digest(words) == digest({})) == kept


def test_a_square_is_the_same_four_at_each_point_by_its_weights(job: Job, tmp_path: Path) -> None:
    words = ("--grid", "3", "--parents", "4", "--pairs", "18", "--workers", "1")
    checkpoint = ("--checkpoint", str(job.checkpoint))
    assert job.ask("mash", *words).returncode == 0
    again = job.ask("mash", *words)
    assert again.returncode == 0
    assert Store.open(job.url).current_of("mashups").totals().rows == 18
    done = job.ask("decode", *checkpoint, "--workers", "1")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "square"
    assert job.ask("clips", "--to", str(folder)).returncode == 0
    clips = read_clips(folder)
    assert len(clips) == 18
    # Corners are of one recording, edges of two, and the middle of all: its rights alone count.
    assert sorted(len(clip.parents) for clip in clips) == [1] * 8 + [2] * 8 + [4] * 2
    middles = [clip for clip in clips if len(clip.parents) == 4]
    for clip in middles:
        weights = np.array([parent.weights for parent in clip.parents])
        np.testing.assert_allclose(weights, 0.25, atol=1e-3)
    assert {parent.file_id for clip in clips for parent in clip.parents} == {
        parent.file_id for parent in middles[0].parents
    }
