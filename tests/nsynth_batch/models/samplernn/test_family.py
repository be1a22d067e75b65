"""A SampleRNN in training: it learns in order, goes on exactly, and says what it cannot learn."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.loading import load_model
from nsynth_batch.models.recipe import FREE_RUNNING
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.samplernn.family import FAMILY
from nsynth_batch.models.weights import CheckpointError, read_safetensors
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer

CONFIG = SampleConfig((8, 2), 12, embedding=6, sequence=48, sample_rate=8000, gain=3.0)
OPTIONS = TrainingOptions(
    steps=60,
    batch=3,
    crop_samples=56,
    learning_rate=0.02,
    warmup_steps=3,
    decay_steps=20,
    average_decay=0.8,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    tones = ((0.3, 1500), (0.2, 900), (0.25, 1207))
    return Corpus(
        (
            (f"{step}", [(8000 * np.sin(np.arange(count) * step)).astype(np.int16)])
            for step, count in tones
        ),
        8000,
    )


def tensors(folder: Path) -> dict[str, dict[str, bytes]]:
    return {
        path.name: {k: v.tobytes() for k, v in read_safetensors(str(path))[1].items()}
        for path in folder.glob("*-*.safetensors")
    }


def test_it_learns_and_a_training_that_was_stopped_ends_in_the_same_bytes(
    corpus: Corpus, tmp_path: Path
) -> None:
    stop, seen = threading.Event(), list[TrainingProgress]()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 31:
            stop.set()

    whole = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "whole")
    whole.train(corpus, report_steps=1, on_progress=stop_there, stop=stop)
    assert whole.step == 31
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    whole.train(corpus, report_steps=1, on_progress=seen.append)
    first, last = seen[0], seen[-1]
    assert first.loss and last.loss and last.loss < first.loss - 0.5
    assert last.beside["bits"] == pytest.approx(last.loss / np.log(2), rel=1e-5)

    goes_on = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "parts")
    # What streams carry, and that they do, is a part of what was saved.
    assert all(value.numpy().any() for value in goes_on._state.values())
    goes_on.train(corpus)
    assert tensors(tmp_path / "parts") == tensors(tmp_path / "whole") != {}

    trained = load_model(tmp_path / "parts", threads=1)
    begun = {name: v for name, v in FAMILY.initial(CONFIG, 0).tensors.items() if "begin" in name}
    saved = read_safetensors(str(tmp_path / "parts/model-60.safetensors"))[1]
    assert all((saved[name] != value).any() for name, value in begun.items())
    [(_, tone), *_] = corpus.recordings()
    audio = (tone / 32768).astype(np.float32)[None]
    assert float(trained.nll(audio)[0]) < first.loss - 0.5
    # A training of another sequence is another training.
    with pytest.raises(CheckpointError, match=r"other sizes or options \(crop_samples\)"):
        Trainer(FAMILY, CONFIG, replace(OPTIONS, crop_samples=64), tmp_path / "parts")
    with pytest.raises(CheckpointError, match=r"other sizes or options \(config\)"):
        Trainer(FAMILY, replace(CONFIG, sequence=96), OPTIONS, tmp_path / "parts")


def test_what_cannot_be_learned_is_one_line(corpus: Corpus, tmp_path: Path) -> None:
    trainer = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "model")
    with pytest.raises(ValueError, match=r"hold 0\.01 s, and a sequence takes 0\.01 s"):
        trainer.batches(Corpus([("short", [np.ones(55, np.int16)])], 8000))
    with pytest.raises(ValueError, match="multiple of the hop 8, not 57"):
        Trainer(FAMILY, CONFIG, replace(OPTIONS, crop_samples=57), tmp_path / "odd")
    with pytest.raises(ValueError, match="crops of 8 samples leave nothing to learn"):
        Trainer(FAMILY, CONFIG, replace(OPTIONS, crop_samples=8), tmp_path / "short")
    with pytest.raises(ValueError, match="looks codes up in a table"):
        FAMILY.batch(CONFIG, np.zeros((1, 56)), FREE_RUNNING, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no encoder"):
        FAMILY.auxiliary(CONFIG, FREE_RUNNING, 0)


def test_weights_begin_with_the_norms_of_their_directions_and_an_orthogonal_candidate() -> None:
    found = FAMILY.initial(CONFIG, 0).tensors
    for name in ("tier_1/up", "samples", "logits"):
        directions = found[f"{name}/V"]
        norms = np.linalg.norm(directions.reshape(-1, directions.shape[-1]), axis=0)
        np.testing.assert_allclose(found[f"{name}/g"], norms, rtol=1e-6)
    square = found["tier_2/gru_1/candidate/W"]
    np.testing.assert_allclose(square @ square.T, np.eye(12), atol=1e-6)
    assert FAMILY.initial(CONFIG, 0).digest() == FAMILY.initial(CONFIG, 0).digest()
    assert FAMILY.initial(CONFIG, 1).digest() != FAMILY.initial(CONFIG, 0).digest()
