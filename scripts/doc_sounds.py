"""Make the sounds of README.md again: docs/sounds/, of the bundled recordings.

Usage: python scripts/doc_sounds.py CLIPS. CLIPS are clips of the bundled recordings, as
`scripts/doc_pictures.py` leaves them in build/doc-pictures/clips and `make demo` in demo-out/clips.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "sounds"
_FADE = ("--curve", "cosine")


def main(clips: Path) -> None:
    """Decode a recording, cross-fade two, and compose half a minute."""
    OUT.mkdir(parents=True, exist_ok=True)
    recordings = ROOT / "nsynth_batch" / "recordings"
    hum, bell, drone = (
        recordings / f"{name}.flac" for name in ("ambi_glass_hum", "perc_bell", "ambi_drone")
    )
    _call("nsynth_batch", "reconstruct", hum, "-o", OUT / "hum.ogg", "--replace")
    out = OUT / "bell-drone.ogg"
    _call("nsynth_batch", "mashup", bell, drone, "-o", out, "--replace", *_FADE)
    _call(
        *("sequencer", "compose", clips, "-o", OUT / "piece.ogg", "--replace"),
        *("--minutes", "0.5", "--style", "drone", "--seed", "3"),
    )
    (OUT / "piece.score.json").unlink()


def _call(module: str, *words: object) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, words)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
