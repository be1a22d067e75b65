"""Make the sounds and pictures of docs/models.md again: three sounds by each model.

Usage: make generator-models, then python scripts/model_sounds.py. It writes
examples/sounds/MODEL-SOUND.ogg and docs/pictures/models-SOUND.png, and needs matplotlib (the extra
`pictures`). Bundled models reconstruct or mash up; one that only generates goes on from a sound.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import soundfile

ROOT = Path(__file__).parent.parent
SOUNDS, PICTURES = ROOT / "examples" / "sounds", ROOT / "docs" / "pictures"
RECORDINGS = ROOT / "nsynth_batch" / "recordings"
MODELS = ("small", "demo", "spectral")
GENERATORS = ("frames", "samplernn")
TRAINED = ROOT / "build" / "generators"
SECONDS, PRIME_SECONDS = 4.0, 2.0
TRIED = {
    "glass-hum": ("reconstruct", ["ambi_glass_hum.flac"]),
    "safari": ("reconstruct", ["loop_safari.flac"]),
    "choir-drone": ("mashup", ["ambi_choir.flac", "ambi_drone.flac"]),
}
"""What is made by each model: the command and its recordings, of which the last is gone on from."""


def main() -> None:
    """Let each model make each sound, and draw what they made below its sources."""
    from PIL import Image

    from nsynth_batch.models.loading import load_model
    from sequencer.audio.recording import load_audio
    from sequencer.pictures.comparison import comparison

    SOUNDS.mkdir(parents=True, exist_ok=True)
    rate = load_model(MODELS[0]).sample_rate
    for name, (command, files) in TRIED.items():
        sources = [RECORDINGS / file for file in files]
        rows = [(path.name, load_audio(path, rate, seconds=SECONDS)) for path in sources]
        for model in MODELS:
            out = SOUNDS / f"{model}-{name}.ogg"
            words = [*map(str, sources), "-o", str(out), "--seconds", f"{SECONDS:g}", "--replace"]
            fade = ["--curve", "cosine", "--length", "longer"] if len(sources) > 1 else []
            checkpoint = ["--checkpoint", model]
            subprocess.run(
                [sys.executable, "-m", "nsynth_batch", command, *words, *fade, *checkpoint],
                check=True,
            )
            rows.append((f"by {model}", soundfile.read(out, dtype="float32")[0]))
        for model in GENERATORS:
            generator = load_model(TRAINED / model)
            prime = load_audio(sources[-1], rate, seconds=PRIME_SECONDS)
            [made] = generator.generate(SECONDS, [name], primes=[prime])
            soundfile.write(SOUNDS / f"{model}-{name}.ogg", made, rate)
            rows.append((f"by {model}, going on from {sources[-1].name}", made))
        picture = PICTURES / f"models-{name}.png"
        picture.write_bytes(comparison(rows, rate))
        # A third of the bytes, and no difference that is seen.
        Image.open(picture).quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main()
