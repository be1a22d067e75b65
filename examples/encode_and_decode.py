"""Cross-fade two recordings in NSynth's latent space, and hear the result.

Usage: python examples/encode_and_decode.py A.wav B.wav OUT.wav
"""

from __future__ import annotations

import sys

import numpy as np
import soundfile

from nsynth_batch.nsynth import load_audio, load_model
from sequencer.scripts import run_script

MOST_SECONDS = 3.0


def main(a: str, b: str, out: str) -> int:
    """Encode both recordings, fade from one encoding to the other, decode, write a sound file."""
    # A bundled name, a .safetensors of yours (see train_from_folder.py), or magenta's checkpoint.
    model = load_model("small")

    # float32 [samples], mono, at the rate that the model was trained at.
    first, second = load_audio(a, model.sample_rate), load_audio(b, model.sample_rate)
    samples = min(len(first), len(second), int(MOST_SECONDS * model.sample_rate))
    batch = np.stack([first[:samples], second[:samples]])

    # [2, frames, width]: `width` numbers for every `hop` samples; a shorter tail is left out.
    encodings = model.encode(batch)
    frames = encodings.shape[1]
    if not frames:
        print(f"{a} or {b} is shorter than {model.config.hop} samples", file=sys.stderr)
        return 2

    # The share of B at each frame: all A at the beginning, all B at the end.
    mix = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    mashup = (1 - mix) * encodings[0] + mix * encodings[1]

    # One sample at a time, each drawn by seed, id and place: the same call gives the same bytes.
    [clip] = model.decode(mashup[None], seed=7, ids=["my mash-up"])
    soundfile.write(out, clip, model.sample_rate)
    print(f"{out}: {frames} frames, {len(clip) / model.sample_rate:.2f} s, by {model!r}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, sys.argv[1:]))
