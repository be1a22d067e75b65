"""The sound of clips' parents beside an export."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sequencer.cli import main as sequencer
from sequencer.clips.clips import read_clips
from sequencer.score.files import read_score
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    """Two recordings, of two segments and of one, and three pairs."""
    job = Job(tmp_path_factory.mktemp("job"), tiny)
    write_wav(job.recordings / "long.wav", tone(1.2, 300))
    write_wav(job.recordings / "short.wav", tone(0.6, 400))
    words = ("run", str(job.recordings), "--checkpoint", str(tiny), "--pairs", "3")
    ran = job.do(*words, "--workers", "1", "--segment-seconds", "0.608", more=False)
    assert ran.returncode == 0, ran.stderr
    return job


def export(job: Job, folder: Path, *words: str) -> str:
    done = job.ask("clips", "--to", str(folder), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_parents_are_written_where_asked_once_each_as_the_model_got_them(
    job: Job, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    export(job, folder)
    assert not (folder / "parents").exists()
    assert all(not parent.sound for clip in read_clips(folder) for parent in clip.parents)
    export(job, folder, "--parents")
    parents = [parent for clip in read_clips(folder) for parent in clip.parents]
    named = {(parent.file_id, parent.segment): parent.sound for parent in parents}
    written = {path.relative_to(folder).as_posix() for path in folder.glob("parents/*")}
    assert set(named.values()) == written
    assert len(written) == len(named) <= 3
    for parent in parents:
        heard, rate = soundfile.read(folder / parent.sound, dtype="int16")
        source, _ = soundfile.read(job.recordings / f"{parent.rights.title}.wav", dtype="int16")
        start = round(parent.start_seconds * rate)
        assert np.array_equal(heard, source[start : start + len(heard)])
        assert parent.sound.startswith(f"parents/{parent.rights.title}-")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("parents/*")}
    assert "earlier export" not in export(job, folder, "--parents")
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("parents/*")}
    # What an export leaves behind is named, for a forgotten recording may be among it.
    printed = export(job, folder)
    assert f"an earlier export left {len(written)} sound" in printed
    assert all(name in printed for name in written)


def test_a_score_does_not_name_them(job: Job, tmp_path: Path) -> None:
    folder, piece = tmp_path / "clips", tmp_path / "piece.wav"
    export(job, folder, "--parents")
    command = ["compose", str(folder), "-o", str(piece), "--minutes", "0.02", "--keep-all"]
    assert sequencer(command) == 0
    clips = read_score(tmp_path / "piece.score.json").clips.values()
    assert clips
    assert all(not parent.sound for clip in clips for parent in clip.parents)


def test_a_store_without_the_segments_exports_without_them(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job.url, tmp_path / "store")
    shutil.rmtree(tmp_path / "store" / "audio")
    less = Job.__new__(Job)
    less.url = str(tmp_path / "store")
    export(less, tmp_path / "clips", "--parents")
    clips = read_clips(tmp_path / "clips")
    assert all(not parent.sound for clip in clips for parent in clip.parents)
