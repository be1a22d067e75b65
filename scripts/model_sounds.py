"""Make the sounds and pictures of docs/models.md again: three sounds by each model.

Usage: make generator-models, then python scripts/model_sounds.py [MODEL ...]. It writes
examples/sounds/MODEL-SOUND.ogg of these models (of all, where none is named) and
docs/pictures/models-SOUND.png of all, and needs matplotlib (the extra `pictures`). Bundled models
reconstruct or mash up; one that only generates goes on from a sound.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import soundfile

ROOT = Path(__file__).parent.parent
SOUNDS, PICTURES = ROOT / "examples" / "sounds", ROOT / "docs" / "pictures"
RECORDINGS = ROOT / "nsynth_batch" / "recordings"
MODELS = ("small", "demo", "spectral")
GENERATORS = ("frames", "samplernn", "wavenet")
TRAINED = ROOT / "build" / "generators"
SECONDS, PRIME_SECONDS = 4.0, 2.0
TRIED = {
    "glass-hum": ("reconstruct", ["ambi_glass_hum.flac"]),
    "safari": ("reconstruct", ["loop_safari.flac"]),
    "choir-drone": ("mashup", ["ambi_choir.flac", "ambi_drone.flac"]),
}
"""What is made by each model: the command and its recordings, of which the last is gone on from."""


def main(named: Sequence[str]) -> None:
    """Let each of some models make each sound; draw what all of them made below its sources."""
    from PIL import Image

    from nsynth_batch.models.loading import load_model
    from sequencer.audio.recording import load_audio
    from sequencer.pictures.comparison import comparison

    SOUNDS.mkdir(parents=True, exist_ok=True)
    rate = load_model(MODELS[0]).sample_rate
    for name, (command, files) in TRIED.items():
        sources = [RECORDINGS / file for file in files]
        rows = [(path.name, load_audio(path, rate, seconds=SECONDS)) for path in sources]
        for model in (*MODELS, *GENERATORS):
            out = SOUNDS / f"{model}-{name}.ogg"
            if named and model not in named:
                pass
            elif model in MODELS:
                words = [*map(str, sources), "-o", str(out), "--seconds", f"{SECONDS:g}"]
                fade = ["--curve", "cosine", "--length", "longer"] if len(sources) > 1 else []
                flags = ["--replace", *fade, "--checkpoint", model]
                subprocess.run(
                    [sys.executable, "-m", "nsynth_batch", command, *words, *flags], check=True
                )
            else:
                prime = load_audio(sources[-1], rate, seconds=PRIME_SECONDS)
                generator = load_model(TRAINED / model)
                [made] = generator.generate(SECONDS, [name], primes=[prime])
                soundfile.write(out, made, rate)
            on = f", going on from {sources[-1].name}" if model in GENERATORS else ""
            rows.append((f"by {model}{on}", soundfile.read(out, dtype="float32")[0]))
        picture = PICTURES / f"models-{name}.png"
        picture.write_bytes(comparison(rows, rate))
        # A third of the bytes, and no difference that is seen.
        Image.open(picture).quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
