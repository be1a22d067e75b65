"""A finished piece as a folder: the page, the sound, the score and the credits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sequencer.clips.clips import SCORE_SUFFIX
from sequencer.credits.as_html import credits_html
from sequencer.credits.credits import credits_text
from sequencer.errors import SequencerError
from sequencer.files import copy_output, require_own_folder, write_output
from sequencer.player.page import player_page
from sequencer.score.files import read_score, score_json

PAGE_NAME = "index.html"
SCORE_NAME = "piece.score.json"
"""Written first."""
_SOUNDS = (".wav", ".flac", ".ogg", ".opus")


def sound_beside(score_path: Path) -> Path | None:
    """Return the rendered sound of a score, by the name of the score; None if none is there."""
    stem = score_path.name.removesuffix(SCORE_SUFFIX)
    beside = (score_path.with_name(f"{stem}{suffix}") for suffix in _SOUNDS)
    return next((path for path in beside if path.is_file()), None)


def write_player(score_path: Path, out: Path, sound: Path | None = None) -> Path:
    """Write a folder that any browser opens, without a server or a net.

    Parameters
    ----------
    score_path : Path
        The score of the piece.
    out : Path
        The folder, made if need be; it may be one that this wrote before.
    sound : Path, optional
        The rendered piece; by default the one beside the score.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    SequencerError
        The score cannot be read, there is no sound, or the folder holds what is not of a page;
        `OutputError` where something cannot be written.
    """
    # Whoever downloads the score has another folder for its clips.
    score = replace(read_score(score_path), clips_folder="")
    found = sound or sound_beside(score_path)
    if found is None or not found.is_file():
        raise SequencerError(
            f"{found or score_path.parent}: no sound of this score; "
            f"`sequencer render {score_path}` makes one, --sound names one elsewhere"
        )
    require_own_folder(out, SCORE_NAME, "a page")
    stem = score_path.name.removesuffix(SCORE_SUFFIX)
    # The names in the folder are ours: any name of a piece may be shown, and none is an address.
    address = f"piece{found.suffix.lower()}"
    write_output(out / SCORE_NAME, score_json(score))
    copy_output(found, out / address)
    write_output(out / "credits.html", credits_html(score))
    write_output(out / "credits.txt", credits_text(score))
    downloads = (
        (address, f"{stem}{found.suffix}"),
        (SCORE_NAME, f"{stem}{SCORE_SUFFIX}"),
        ("credits.txt", f"{stem}.credits.txt"),
    )
    write_output(out / PAGE_NAME, player_page(score, stem, address, downloads))
    return out / PAGE_NAME
