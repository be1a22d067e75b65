"""`figures`: of a store, of a training's listening points, of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hdfs_jobs.datasets.store import Store
from nsynth_batch.cli import main
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.model import TRAINED_ON
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.models.weights import save_weights
from nsynth_batch.pipeline.figures import (
    figures_of_model,
    figures_of_points,
    figures_of_store,
)
from sequencer.clips.corpus import Corpus
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

PNG = b"\x89PNG"


@pytest.fixture
def generator(tmp_path: Path) -> str:
    config = PlainConfig(num_layers=4, num_stages=4, width=8, skip_width=8)
    path = tmp_path / "generator.safetensors"
    behind = Corpus.of([SourceRow("1" * 40, Rights("Rain", "Ann", "CC0-1.0"), seconds=5.0)])
    save_weights(replace(FAMILY.initial(config, 3), metadata={TRAINED_ON: behind.text}), path)
    return str(path)


def stands_in(part: np.ndarray, whole: np.ndarray) -> bool:
    places = np.lib.stride_tricks.sliding_window_view(whole, len(part))
    return bool(np.abs(places - part).max(axis=1).min() < 1e-3)


def test_a_mash_up_is_drawn_below_its_parents_and_a_generated_clip_below_its_prime(
    tmp_path: Path, tiny: Path, generator: str
) -> None:
    pytest.importorskip("matplotlib")
    job = Job(tmp_path, tiny)
    for number in range(2):
        write_wav(job.recordings / f"{number}.wav", tone(1.0, 300 + 100 * number))
    done = job.run("--pairs", "1", "--workers", "1")
    assert done.returncode == 0, done.stderr
    words = ["generate", "--checkpoint", generator, "--store", job.url, "--seconds", "0.25"]
    words += ["--prime", "1", "--prime-seconds", "0.1"]
    assert main([*words, "--clips", "2", "--workers", "1", "--quiet"]) == 0

    found = list(figures_of_store(Store.open(job.url), tmp_path / "out", 1))
    assert len(found) == 2
    mashed = next(figure for figure in found if len(figure.rows) == 3)
    generated = next(figure for figure in found if len(figure.rows) == 2)
    whole = {f"{n}": tone(1.0, 300 + 100 * n).astype(np.float32) for n in range(2)}
    assert {title for title, _ in mashed.rows[:2]} == set(whole)
    for title, source in mashed.rows[:2]:
        assert stands_in(source, whole[title])
    (title, prime), (_, clip) = generated.rows
    assert title == "1: prime"
    assert (prime.shape, clip.shape) == ((1600,), (4000,))
    assert stands_in(prime, whole["1"])

    out = tmp_path / "pictures"
    assert main(["figures", job.url, "-o", str(out), "--clips", "1"]) == 0
    pictures = sorted(out.iterdir())
    assert {path.stem for path in pictures} == {figure.name for figure in found}
    assert all(path.read_bytes().startswith(PNG) for path in pictures)


@pytest.mark.parametrize("encodes", [True, False])
def test_a_sound_is_drawn_at_its_listening_points_below_its_source(
    encodes: bool, tmp_path: Path
) -> None:
    rate, source = 8000, np.full(1024, 0.25, np.float32)
    for step in range(0, 7000, 1000):
        output = np.full(1024, step / 10_000, np.float32)
        sound = np.concatenate([source, np.zeros(rate // 2, np.float32), output])
        folder = tmp_path / "listening" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        wav = sound if encodes else output
        soundfile.write(folder / "1-bell.wav", wav, rate, subtype="FLOAT")
    [figure] = figures_of_points(str(tmp_path), rate, encodes=encodes)
    titles = [title for title, _ in figure.rows]
    assert figure.name == "1-bell"
    assert titles[-1] == "step 006000"
    assert len(titles) == 5 + encodes
    assert (titles[0] == "source") == encodes
    assert figure.rows[-1][1] == pytest.approx(np.full(1024, 0.6))


def test_a_folder_without_listening_points_has_no_figures_of_them(tmp_path: Path) -> None:
    assert figures_of_points(str(tmp_path), 8000, encodes=True) == []


def test_a_model_is_drawn_by_what_it_makes(tmp_path: Path, tiny: Path, generator: str) -> None:
    write_wav(tmp_path / "bell.wav", tone(0.2, 500))
    [again] = figures_of_model(load_model(tiny), tmp_path)
    assert [title for title, _ in again.rows] == ["bell: source", "decoded from its encoding"]
    assert again.rows[0][1].shape == again.rows[1][1].shape
    [clips] = figures_of_model(load_model(generator), None)
    assert [len(samples) for _, samples in clips.rows] == [32_000] * 3


def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, generator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    there = tmp_path / "file"
    there.write_text("")
    assert main(["figures", generator, "-o", str(there)]) == 2
    assert "is a file" in capsys.readouterr().err
    out = str(tmp_path / "out")
    assert main(["figures", generator, "-o", out, "--from", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["figures", generator, "-o", out, "--beside", generator]) == 2
    assert "has no log.jsonl with a loss" in capsys.readouterr().err
    empty = str(tmp_path / "store")
    Store.open(empty, create=True)
    assert main(["figures", empty, "-o", out]) == 2
    assert "has no clips yet" in capsys.readouterr().err
