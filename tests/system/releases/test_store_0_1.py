"""A store, clips and a score that release 0.1 wrote: they open, go on and give the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from hdfs_jobs.datasets.retry import open_entries
from nsynth_batch.models.instruction_sets import instruction_sets
from sequencer.cli import main as sequencer
from sequencer.clips.clips import read_clips
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

OLD = Path(__file__).parents[2] / "data" / "store-0.1"
EXPECTED: dict[str, Any] = json.loads((OLD / "expected.json").read_text())
DIGESTS: dict[str, str] = EXPECTED["digests"]
FLAGS = (
    *("--precision", "float32", "--engine", "native", "--seed", "5"),
    *("--workers", "1", "--batch", "2"),
)
with_its_instructions = pytest.mark.skipif(
    not instruction_sets()[EXPECTED["instruction_set"]],
    reason="this processor lacks the instruction set that the store was made with",
)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A copy of the store and its recordings, to go on with."""
    monkeypatch.setenv("NSYNTH_BATCH_INSTRUCTION_SET", EXPECTED["instruction_set"])
    job = Job(tmp_path, OLD / "checkpoint.safetensors")
    shutil.copytree(OLD / "recordings", job.recordings, dirs_exist_ok=True)
    shutil.copytree(OLD / "store", job.url)
    return job


def digests(job: Job) -> dict[str, set[str]]:
    """The datasets of each stage, by the digests of their settings."""
    return {name: {d.name for d in Path(job.url, name).iterdir() if d.is_dir()} for name in DIGESTS}


def test_its_state_is_as_it_was(job: Job) -> None:
    stages = job.status()
    for name, expected in EXPECTED["stages"].items():
        found = {key: stages[name][key] for key in expected}
        assert found == expected, name
    verified = job.ask("verify")
    assert verified.returncode == 0, verified.stderr
    assert "all that is committed is whole" in verified.stdout
    audio = job.store().current_of("audio")
    assert audio is not None
    found = {entry.title: entry.reason for _, entry in open_entries(audio)}
    assert found == EXPECTED["quarantine"]


@with_its_instructions
def test_a_run_finds_nothing_to_do_then_appends(job: Job) -> None:
    before = job.files()
    done = job.run(*FLAGS, "--pairs", "3")
    assert done.returncode == 0, done.stderr
    # That release did not keep where a recording came from: the catalog learns it, once.
    learned = job.files()
    assert {path: learned.get(path) for path in before} == before
    [added] = learned.keys() - before.keys()
    assert added.startswith("catalog/")
    done = job.run(*FLAGS, "--pairs", "3")
    assert done.returncode == 0, done.stderr
    assert job.files() == learned

    write_wav(job.recordings / "wren.wav", tone(0.3, 440))
    done = job.run(*FLAGS, "--pairs", "5")
    assert done.returncode == 0, done.stderr
    assert digests(job) == {name: {digest} for name, digest in DIGESTS.items()}
    rows = {name: (stage["rows"], stage["shards"]) for name, stage in job.status().items()}
    assert rows == {"audio": (7, 4), "encodings": (7, 3), "mashups": (5, 4), "clips": (5, 3)}
    after = job.files()
    committed = {path for path in before if path.endswith(".parquet") or "/manifests/" in path}
    assert {path: after.get(path) for path in committed} == {p: before[p] for p in committed}
    assert job.ask("verify").returncode == 0


@with_its_instructions
def test_lengths_of_pairs_do_not_change_what_a_seed_began_with(job: Job) -> None:
    """`--min-seconds` was a flag of harvests; it opens no second pool for a seed that has one."""
    done = job.run(*FLAGS, "--pairs", "4", "--min-seconds", "0.1")
    assert done.returncode == 0, done.stderr
    assert "leaves no segment out of the pairs of this seed" in done.stderr
    assert digests(job) == {name: {digest} for name, digest in DIGESTS.items()}
    assert job.status()["mashups"]["rows"] == 4


def test_new_recordings_are_appended_on_any_processor(job: Job) -> None:
    write_wav(job.recordings / "wren.wav", tone(0.3, 440))
    assert job.do("harvest", str(job.recordings), more=False).returncode == 0
    done = job.do("shard", "--segment-seconds", "0.256", "--workers", "1", more=False)
    assert done.returncode == 0, done.stderr
    assert digests(job)["audio"] == {DIGESTS["audio"]}
    assert (job.status()["audio"]["rows"], job.status()["audio"]["shards"]) == (7, 4)


@with_its_instructions
def test_each_step_makes_the_same_bytes_again(job: Job) -> None:
    """All datasets are dropped; what is made from the recordings is what release 0.1 made."""
    store = Path(job.url)
    old = {name: contents(job, name) for name in DIGESTS}
    clips = job.clips()
    for name in DIGESTS:
        for folder in (name, f"quarantine/{name}", f"runs/plans/{name}"):
            shutil.rmtree(store / folder, ignore_errors=True)
    done = job.run(*FLAGS, "--pairs", "3")
    assert done.returncode == 0, done.stderr
    assert digests(job) == {name: {digest} for name, digest in DIGESTS.items()}
    assert {name: contents(job, name) for name in DIGESTS} == old
    assert job.clips() == clips


def contents(job: Job, name: str) -> list[dict[str, object]]:
    """All rows of a dataset."""
    dataset = job.store().current_of(name)
    assert dataset is not None
    return [row for _, table in dataset.tables() for row in table.to_pylist()]


def test_clips_of_its_store_are_exported_as_they_were(job: Job, tmp_path: Path) -> None:
    done = job.ask("clips", "--to", str(tmp_path / "clips"))
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        {line["clip_id"]: line for line in map(json.loads, (folder / "clips.jsonl").open())}
        for folder in (tmp_path / "clips", OLD / "clips")
    )
    assert ours.keys() == theirs.keys()
    for clip_id, line in theirs.items():
        # Release 0.1 named files by the id alone.
        file, old = ours[clip_id]["file"], line["file"]
        assert file.endswith(f"-{clip_id[:8]}.wav")
        assert (tmp_path / "clips" / file).read_bytes() == (OLD / "clips" / old).read_bytes()
        assert {key: ours[clip_id].get(key) for key in line} | {"file": old} == line


def test_its_clips_are_read() -> None:
    clips = read_clips(OLD / "clips")
    assert {clip.clip_id for clip in clips} == {path.stem for path in (OLD / "clips").glob("*.wav")}
    for clip in clips:
        assert {parent.rights.title for parent in clip.parents} == {"Owl", "Crow"}
        assert {parent.rights.licence for parent in clip.parents} == {"CC-BY-4.0", "CC0-1.0"}
        assert clip.verdict == "noise"
        assert not clip.trained_on


def test_its_score_is_rendered_to_the_same_samples(tmp_path: Path) -> None:
    score, out = OLD / "clips" / "piece.score.json", tmp_path / "again.wav"
    assert sequencer(["render", str(score), "--clips", str(OLD / "clips"), "-o", str(out)]) == 0
    samples, rate = soundfile.read(out, dtype="int16")
    assert rate == 16_000
    assert hashlib.sha256(samples.tobytes()).hexdigest() == EXPECTED["composition_sha256"]
    credited = (tmp_path / "again.credits.txt").read_text()
    for words in ('"Crow" by Ben', '"Owl" by Ann', "CC-BY-4.0", "https://birds.example/owl"):
        assert words in credited
