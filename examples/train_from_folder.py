"""Train a tiny model on a folder of recordings, then encode and decode one of them with it.

Usage: python examples/train_from_folder.py RECORDINGS MODEL OUT.wav

It shows the way: sizes so small learn little in twenty steps, and what they decode is noise. For a
model that is worth hearing take the preset "small" as it is and some ten thousand steps, which is
what `nsynth-batch train` does. Training needs TensorFlow, which `make dev` installs.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import soundfile

from nsynth_batch.models.family import family_named
from nsynth_batch.nsynth import load_model
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer
from sequencer.scripts import run_script


def show(progress: TrainingProgress) -> None:
    """Print how far it is; 5.55 nats a sample is a guess that knows nothing."""
    print(f"step {progress.step} of {progress.steps}: {progress.loss:.2f} nats a sample")


def main(recordings: str, model: str, out: str) -> int:
    """Train up to step 20 (run again, it goes on from what is saved), load the model, use it."""
    family = family_named("nsynth")
    sizes = {"num_layers": 4, "num_stages": 4, "width": 8, "skip_width": 8}
    encoder = {"ae_num_layers": 4, "ae_num_stages": 4, "ae_width": 8, "ae_bottleneck": 4}
    config = replace(family.presets["small"], **sizes, **encoder)

    corpus = Corpus.from_folder(Path(recordings), config.sample_rate)
    for name, reason in corpus.rejected.items():
        print(f"left out {name}: {reason}")
    if not len(corpus):
        print(f"{recordings} holds no recording that can be used", file=sys.stderr)
        return 2
    print(f"{len(corpus)} recordings, {corpus.seconds:.1f} s")
    options = TrainingOptions(
        steps=20, batch=2, crop_samples=2048, warmup_steps=5, decay_steps=5, learning_rate=0.01
    )
    Trainer(family, config, options, model).train(corpus, report_steps=5, on_progress=show)

    # The folder is a checkpoint, for load_model as for `nsynth-batch run --checkpoint MODEL`.
    trained = load_model(model)
    _, samples = next(corpus.recordings())
    audio = samples[None, :2048] / 32768.0  # int16 to floats in [-1, 1], [batch, samples].
    [clip] = trained.decode(trained.encode(audio), seed=7)
    soundfile.write(out, clip, trained.sample_rate)
    print(f"{out}: {len(clip)} samples of {trained!r}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, sys.argv[1:]))
