"""The whole job on one machine, in real processes: what comes out, again, more, and in parallel."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hdfs_jobs.datasets.retry import open_entries
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.nsynth import load_model
from nsynth_batch.pipeline.pool import load_pool
from nsynth_batch.settings.settings import load_settings
from tests.nsynth_batch.job import SEGMENT_SECONDS, Job
from tests.nsynth_batch.planning import plan
from tests.nsynth_batch.recordings import tone, write_bad, write_good, write_wav

FRAMES = 8
PAIRS = 10
STAGES = ("audio", "encodings", "mashups", "clips")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    """The job done once, over good recordings and bad ones."""
    job = Job(tmp_path_factory.mktemp("job"), tiny)
    write_good(job.recordings)
    write_bad(job.recordings)
    (job.recordings / "notes.txt").write_text("no audio")
    (job.recordings / "sources.csv").write_text(
        "file,title,author,licence,category\n"
        "crow.flac,Crow,davidworksonline,CC0-1.0,animal\n"
        "8 bit.wav,Eight,Somebody,CC-BY-4.0,music\n"
    )
    done = job.run("--pairs", str(PAIRS), "--workers", "1", "--max-bad-fraction", "0.6")
    assert done.returncode == 0, done.stderr
    return job


def test_good_recordings_come_through_and_bad_ones_have_their_reason(
    job: Job, tmp_path: Path
) -> None:
    good, bad = write_good(tmp_path), write_bad(tmp_path)
    store = job.store()
    audio, encodings = store.current_of("audio"), store.current_of("encodings")
    assert audio is not None
    assert encodings is not None
    found = {entry.title: entry.reason for _, entry in open_entries(audio)}
    assert found == {f"{name}.wav": reason for name, reason in bad.items()}
    recordings = Catalog(store.storage).recordings()
    ids = {i for _, t in encodings.tables(["file_id"]) for i in t.column("file_id").to_pylist()}
    assert {recordings[i].title for i in ids} == good - {"crow", "8 bit"} | {"Crow", "Eight"}


def test_status_tells_every_stage(job: Job) -> None:
    stages = job.status()
    assert tuple(stages) == STAGES
    for name, stage in stages.items():
        assert set(stage) == {"shards", "committed", "rows", "seconds", "quarantined"}
        assert stage["committed"] == stage["shards"] > 0
        assert stage["quarantined"] == (10 if name == "audio" else 0)
    assert stages["audio"]["rows"] == stages["encodings"]["rows"]
    assert stages["audio"]["seconds"] == pytest.approx(stages["encodings"]["seconds"])
    assert stages["mashups"]["rows"] == stages["clips"]["rows"] == PAIRS
    assert stages["clips"]["seconds"] == pytest.approx(stages["mashups"]["seconds"])
    lines = job.ask("status", "--quarantine").stdout
    assert "quarantine of audio: 1 absurd-header, 2 empty, 2 non-finite, 1 not-audio" in lines
    assert "  three hours.wav: absurd-header: " in lines
    model = load_model(job.checkpoint)
    assert f"encodings: made with native, float32, {model.engine.instruction_set}" in lines
    assert "clips: made with native, " in lines


def test_verify_finds_everything_whole_and_names_what_is_not(job: Job) -> None:
    assert job.ask("verify").returncode == 0
    victim = next(Path(job.url, "clips").glob("*/*.parquet"))
    whole = victim.read_bytes()
    try:
        victim.write_bytes(whole[:-1] + b"?")
        done = job.ask("verify")
    finally:
        victim.write_bytes(whole)
    assert done.returncode == 1
    assert victim.name in done.stdout
    assert done.stderr.count("\n") == 1


def test_clips_are_wav_files_with_parents_and_rights(job: Job, tmp_path: Path) -> None:
    out = tmp_path / "my clips"
    done = job.ask("clips", "--to", str(out))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (out / "clips.jsonl").read_text("utf-8").splitlines()]
    samples = job.clips()
    assert {line["clip_id"] for line in lines} == set(samples)
    catalog = Catalog(job.store().storage).recordings()
    for line in lines:
        data, rate = soundfile.read(out / line["file"], dtype="int16")
        assert rate == line["sample_rate"] == 16_000
        assert data.tobytes() == samples[line["clip_id"]]
        assert len(data) == line["samples"] == round(line["seconds"] * 16_000)
        assert line["verdict"] in {"good", "silence", "tone", "noise", "clipped", "dc"}
        assert line["made_with"].keys() == {
            "checkpoint", "engine", "precision", "instruction_set",
        }  # fmt: skip
        a, b = line["parents"]
        assert a["file_id"] != b["file_id"]
        total = np.add(a["weights"], b["weights"])
        assert total == pytest.approx(np.ones(len(data) // 512), abs=1e-3)
        for parent in (a, b):
            known = catalog[parent["file_id"]]
            assert (parent["title"], parent["licence"]) == (known.title, known.licence)
            assert parent["start_seconds"] == pytest.approx(parent["segment"] * SEGMENT_SECONDS)
    assert {p["author"] for line in lines for p in line["parents"]} >= {""}
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    again = job.ask("clips", "--to", str(out))
    assert "0 files written" in again.stdout
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.wav")} == before


def test_a_second_run_does_nothing(job: Job) -> None:
    before = job.files()
    started = time.monotonic()
    done = job.run("--pairs", str(PAIRS), "--workers", "1", "--max-bad-fraction", "0.6")
    assert time.monotonic() - started < 60
    assert done.returncode == 0
    assert done.stderr.count("nothing to do") == 4
    assert done.stdout.startswith("next: `nsynth-batch clips --to my-clips --store ")
    assert job.files() == before


def test_two_workers_make_the_same_clips(job: Job, tmp_path: Path, tiny: Path) -> None:
    other = Job(tmp_path, tiny)
    other.recordings.rmdir()
    other.recordings.symlink_to(job.recordings)
    done = other.run("--pairs", str(PAIRS), "--workers", "2", "--max-bad-fraction", "0.6")
    assert done.returncode == 0, done.stderr
    assert other.clips() == job.clips()


def test_more_quarantined_than_allowed_ends_with_3(job: Job) -> None:
    done = job.do("shard", "--max-bad-fraction", "0.4", more=False)
    # These settings are not the run's, so that this makes another dataset.
    assert done.returncode == 3
    assert "10 of 19 in audio were quarantined, more than --max-bad-fraction 0.4" in done.stderr
    assert job.do("shard", "--segment-seconds", str(SEGMENT_SECONDS), more=False).returncode == 3


def test_dry_runs_show_a_plan_and_write_nothing(job: Job, tmp_path: Path) -> None:
    before = job.files()
    done = job.run("--pairs", "50", "--seed", "8", "--dry-run")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert set(STAGES) < set(rows)
    assert int(rows["clips"][1]) > 0
    assert job.files() == before
    fresh = Job(tmp_path, Path(job.checkpoint))
    write_wav(fresh.recordings / "a.wav", tone(1.0))
    write_wav(fresh.recordings / "b.wav", tone(1.0, 300))
    done = fresh.run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "harvest: 2 recordings" in done.stdout
    assert not Path(fresh.url).exists()


def test_wiki_recordings_without_a_licence_are_left_out_unless_asked_for(job: Job) -> None:
    store = job.store()
    catalog = Catalog(store.storage)
    [file_id, *_] = [r.file_id for r in catalog.recordings().values() if r.title == "float64"]
    row = catalog.recordings()[file_id]
    changed = replace(row, revision="7", retrieved_at=datetime.now(UTC))
    given = {"store": job.url, "checkpoint": job.checkpoint, "seed": 77, "pairs": 200}
    catalog.append([changed])
    try:
        work = plan(load_settings(given), store, "mashups", dry_run=True)
        assert any("1 recording from a wiki with no known licence" in n for n in work.notes)
        assert not any(file_id in item.key for shard in work.new for item in shard.items)
        allowed = load_settings({**given, "allow_unknown": True})
        work = plan(allowed, store, "mashups", dry_run=True)
        assert any(file_id in item.key for shard in work.new for item in shard.items)
        catalog.append([replace(changed, deleted=True, retrieved_at=datetime.now(UTC))])
        work = plan(allowed, store, "mashups", dry_run=True)
        assert not any(file_id in item.key for shard in work.new for item in shard.items)
    finally:
        catalog.append([replace(row, retrieved_at=datetime.now(UTC))])


def test_new_recordings_and_more_pairs_append_and_leave_what_is_committed(job: Job) -> None:
    before = job.files()
    clips = job.clips()
    write_wav(job.recordings / "later.wav", tone(0.5, 500))
    done = job.run("--pairs", str(PAIRS + 4), "--workers", "1", "--max-bad-fraction", "0.6")
    assert done.returncode == 0, done.stderr
    assert "encoded after the pool of this seed was drawn: " in done.stderr
    after = job.files()
    grown = {name for name in before if name.endswith("index.jsonl.gz")}
    assert {name: after.get(name) for name in before if name not in grown} == {
        name: data for name, data in before.items() if name not in grown
    }
    stages = job.status()
    assert stages["clips"]["rows"] == PAIRS + 4
    assert clips.items() < job.clips().items()
    mashups = job.store().current_of("mashups")
    assert mashups is not None
    kept = load_pool(mashups)
    assert kept is not None
    titles = {r.file_id: r.title for r in Catalog(job.store().storage).recordings().values()}
    assert "later" not in {titles[s.file_id] for s in kept.segments}
    done = job.run("--pairs", "6", "--seed", "1", "--workers", "1", "--max-bad-fraction", "0.6")
    assert done.returncode == 0, done.stderr
    mashups = job.store().current_of("mashups")
    assert mashups is not None
    kept = load_pool(mashups)
    assert kept is not None
    assert "later" in {titles[s.file_id] for s in kept.segments}
    assert "clips: 1 more of other settings" in job.ask("status").stdout
    out = job.folder / "export"
    for words, count in (("--all",), PAIRS + 4 + 6), ((), 6):
        done = job.ask("clips", "--to", str(out), *words)
        assert done.returncode == 0
        assert len((out / "clips.jsonl").read_text("utf-8").splitlines()) == count
    assert f"{PAIRS + 4} clips of other settings were in clips.jsonl before" in done.stdout


def test_stages_one_by_one_make_what_run_makes(tmp_path: Path, tiny: Path) -> None:
    jobs = []
    for name in ("together", "apart"):
        folder = tmp_path / name
        folder.mkdir()
        job = Job(folder, tiny)
        write_wav(job.recordings / "a.wav", tone(0.6))
        write_wav(job.recordings / "b.wav", tone(0.6, 330))
        jobs.append(job)
    together, apart = jobs
    assert together.run("--pairs", "3", "--seed", "5", "--workers", "1").returncode == 0
    model = ("--checkpoint", str(tiny), "--workers", "1")
    for words in (
        ("harvest", str(apart.recordings)),
        ("shard", "--segment-seconds", str(SEGMENT_SECONDS), "--workers", "1"),
        ("encode", *model),
        ("mash", "--pairs", "3", "--seed", "5", "--workers", "1"),
        ("decode", *model),
    ):
        done = apart.do(*words, more=False)
        assert done.returncode == 0, done.stderr
    assert apart.clips() == together.clips()


def test_sigterm_drains_and_the_next_run_goes_on(tmp_path: Path, tiny: Path) -> None:
    job = Job(tmp_path, tiny)
    for i in range(24):
        write_wav(job.recordings / f"{i}.wav", tone(0.6, 200 + 10 * i))
    process = subprocess.Popen(
        job.command("run", str(job.recordings), "--pairs", "4", "--workers", "1"),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if " audio: " in line:
            break
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait() == 143, rest
    assert "Traceback" not in rest
    done = job.run("--pairs", "4", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert job.status()["clips"]["rows"] == 4


def test_a_checkpoint_cut_short_is_told_before_any_work(tmp_path: Path, tiny: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tiny.read_bytes()[:5000])
    job = Job(tmp_path, cut)
    write_wav(job.recordings / "a.wav")
    done = job.run()
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(cut) in done.stderr
    assert not Path(job.url).exists()


@pytest.mark.parametrize("words", [("--checkpoint", "no-such-model"), ("--engine", "magenta")])
def test_a_model_that_cannot_be_had_is_one_line(
    tmp_path: Path, tiny: Path, words: tuple[str, str]
) -> None:
    job = Job(tmp_path, tiny)
    write_wav(job.recordings / "a.wav")
    done = job.do("run", str(job.recordings), *words, more=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert words[1] in done.stderr
    assert not Path(job.url).exists()


def test_one_recording_alone_cannot_be_mashed(tmp_path: Path, tiny: Path) -> None:
    job = Job(tmp_path, tiny)
    write_wav(job.recordings / "alone.wav", tone(1.0))
    done = job.run("--workers", "1")
    assert done.returncode == 2
    assert "a mash-up needs two different recordings and 1 can be had" in done.stderr
    write_wav(job.recordings / "another.wav", tone(1.0, 333))
    assert job.run("--pairs", "2", "--workers", "1").returncode == 0


def test_nothing_but_bad_recordings_ends_with_3(tmp_path: Path, tiny: Path) -> None:
    job = Job(tmp_path, tiny)
    (job.recordings / "a.wav").write_text("no sound")
    (job.recordings / "b.wav").write_text("none either")
    done = job.run("--workers", "1")
    assert done.returncode == 3
    assert "2 of 2 in audio were quarantined" in done.stderr
