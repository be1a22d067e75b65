"""An audition as a folder: the page, its sounds and pictures, for any browser and without a net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sequencer.audition.listing import Listing
from sequencer.audition.page import audition_page
from sequencer.clips.choices import Choice
from sequencer.files import copy_output, write_output
from sequencer.pictures.gallery import draw, picture_name

PAGE_NAME = "index.html"


def write_audition(
    folder: Path,
    listing: Listing,
    choices: Mapping[str, Choice],
    out: Path,
    *,
    with_pictures: bool,
) -> list[str]:
    """Write the page with a copy of each sound; what is there already is not made again.

    Returns
    -------
    list of str
        A line for each picture that could not be drawn.

    Raises
    ------
    SequencerError
        `OutputError` where something cannot be written.
    """
    for shown in listing.shown:
        _copy(shown.sound, out / "sounds" / shown.sound_name)
    pictures: dict[str, str] = {}
    failures: list[str] = []
    if with_pictures:
        names = {shown.clip.clip_id: picture_name(shown.clip.sha256) for shown in listing.shown}
        sounds = {
            out / "pictures" / picture_name(shown.clip.sha256): shown.sound
            for shown in listing.shown
        }
        failures = [f"{sounds[path]}: {why}" for path, why in draw(sounds) if why]
        pictures = {
            clip_id: f"pictures/{name}"
            for clip_id, name in names.items()
            if (out / "pictures" / name).exists()
        }
    page = audition_page(
        folder.resolve().name, listing.shown, choices, served=False, pictures=pictures
    )
    write_output(out / PAGE_NAME, page)
    return failures


def _copy(sound: Path, copy: Path) -> None:
    # Its name is by content.
    if not copy.exists() or copy.stat().st_size != sound.stat().st_size:
        copy_output(sound, copy)
