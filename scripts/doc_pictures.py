"""Make the pictures of README.md and docs/ again: from a piece of the bundled recordings.

Usage: python scripts/doc_pictures.py [WORK]. WORK keeps the piece, build/doc-pictures by default.
It needs the extras `pictures` and `dev`, and Chromium with its driver.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "pictures"
_PAUSE_SECONDS = 2.0
"""For a page to lay out its tiles, and to load the pictures that are seen."""


def main(work: Path) -> None:
    """Compose, then draw and photograph."""
    sys.path.insert(0, str(ROOT))
    OUT.mkdir(parents=True, exist_ok=True)
    recordings, clips, score = (
        ROOT / "nsynth_batch" / "recordings",
        work / "clips",
        work / "piece.score.json",
    )
    work.mkdir(parents=True, exist_ok=True)
    _call(
        *("nsynth_batch", "make", recordings, "-o", work / "piece.wav", "--store", work / "store"),
        *("--clips", clips, "--minutes", "1", "--pairs", "24", "--style", "collage"),
    )
    _call("sequencer", "pictures", score, "-o", OUT / "timeline.png")
    _call("sequencer", "audition", clips, "-o", work / "audition")
    _photograph(work / "audition" / "index.html", OUT / "audition.png")
    _call("sequencer", "page", score, "-o", work / "page")
    _photograph(work / "page" / "index.html", OUT / "page.png")


def _call(module: str, *words: object) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, words)], check=True)


def _photograph(page: Path, picture: Path) -> None:
    from PIL import Image

    from tests.components.chromium import chromium

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with chromium(place / "profile", place / "downloads") as browser:
            browser.get(page.resolve().as_uri())
            time.sleep(_PAUSE_SECONDS)
            browser.save_screenshot(str(picture))
    # A quarter of the bytes, and no difference that is seen.
    Image.open(picture).quantize(256).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "doc-pictures")
