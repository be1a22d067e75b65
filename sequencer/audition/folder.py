"""An audition as a folder: the page, its sounds and pictures, for any browser and without a net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sequencer.audition.listing import Listing
from sequencer.audition.page import audition_page
from sequencer.clips.choices import Choice
from sequencer.composing.candidates import OnProgress
from sequencer.files import copy_output, require_own_folder, write_output
from sequencer.pictures.gallery import KINDS, draw, picture_name, picture_names

PAGE_NAME = "index.html"
SOUNDS = "sounds"
"""Written first."""


def write_audition(
    folder: Path,
    listing: Listing,
    choices: Mapping[str, Choice],
    out: Path,
    *,
    with_pictures: bool,
    command: str = "",
    on_progress: OnProgress | None = None,
) -> list[str]:
    """Write the page with a copy of each sound; what is there already is not made again.

    `command` is what composes from the choices that the page gives out; `on_progress` gets how many
    pictures of how many are drawn.

    Returns
    -------
    list of str
        A line for each picture that could not be drawn.

    Raises
    ------
    SequencerError
        The folder holds what is not of an audition; `OutputError` where something cannot be
        written.
    """
    require_own_folder(out, SOUNDS, "an audition")
    for shown in listing.shown:
        _copy(shown.sound, out / SOUNDS / shown.sound_name)
        for name, sound in filter(None, shown.parents):
            _copy(sound, out / "parents" / name)
    pictures: dict[str, list[str]] = {}
    failures: list[str] = []
    if with_pictures:
        sounds = {
            out / "pictures" / picture_name(shown.clip.sha256, kind): shown.sound
            for kind in KINDS
            for shown in listing.shown
        }
        for number, (path, why) in enumerate(draw(sounds), 1):
            failures += [f"{sounds[path]}: {why}"] if why else []
            if on_progress:
                on_progress(number, len(sounds))
        drawn = {path.name for path in sounds if path.exists()}
        pictures = {
            shown.clip.clip_id: [
                f"pictures/{name}" if name in drawn else ""
                for name in picture_names(shown.clip.sha256)
            ]
            for shown in listing.shown
        }
    page = audition_page(
        folder.resolve().name,
        listing.shown,
        choices,
        served=False,
        pictures=pictures,
        command=command,
    )
    write_output(out / PAGE_NAME, page)
    return failures


def _copy(sound: Path, copy: Path) -> None:
    # Its name is by content.
    if not copy.exists() or copy.stat().st_size != sound.stat().st_size:
        copy_output(sound, copy)
