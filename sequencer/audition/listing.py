"""What an audition shows: each clip that can be played, with its sound and its waveform."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sequencer.audio.recording import mono_blocks
from sequencer.audio.suffixes import is_audio_name
from sequencer.audition.peaks import peaks
from sequencer.clips.clips import Clip, Parent
from sequencer.clips.likeness_map import likeness_map
from sequencer.clips.weight_points import mean_weight, percentages, thinned
from sequencer.composing.candidates import OnProgress, find_candidates
from sequencer.credits.aligned import author_of, generated_words, parents_of, title_of
from sequencer.files import digest_of
from sequencer.rights.licence_names import licences_of
from sequencer.templates.pages import web_address
from sequencer.text import flattened

_DIGITS = 24
_MAP_WIDTH = 1000
"""Places on the map of likeness are whole numbers from 0 to this."""


@dataclass(frozen=True)
class Shown:
    """A clip on the page.

    Attributes
    ----------
    clip : Clip
        As surveyed: with its verdict, seconds and digest.
    sound : Path
        Its file, without links on the way.
    peaks : bytes
        See `sequencer.audition.peaks.peaks`.
    place : (float, float)
        On the map of likeness, 0 to 1 each: see `sequencer.clips.likeness_map.likeness_map`.
    parents : tuple of (str, Path) or None
        For each parent the page's name for its sound, and the file; None for one without.
    """

    clip: Clip
    sound: Path
    peaks: bytes
    place: tuple[float, float] = (0.5, 0.5)
    parents: tuple[tuple[str, Path] | None, ...] = ()

    @property
    def sound_name(self) -> str:
        """The page's name for its sound."""
        return sound_name(self.clip.sha256, self.clip.file)


@dataclass(frozen=True)
class Listing:
    """The clips of a folder, and a note for each that is not shown."""

    shown: tuple[Shown, ...]
    notes: tuple[str, ...]


def list_clips(folder: Path, *, on_progress: OnProgress | None = None) -> Listing:
    """Survey a folder for an audition.

    A file that a link leads to outside the folder is not shown. `on_progress` gets how many clips
    of how many are measured.

    Raises
    ------
    SequencerError
        As `find_candidates` does.
    """
    root = folder.resolve()
    found = find_candidates(folder, keep_all=True, on_progress=on_progress)
    notes = [note for note in found.notes if note.startswith("left out")]
    shown = []
    parents = _Parents(root)
    places = likeness_map(found.fingerprints)
    for candidate, (x, y) in zip(found.candidates, places, strict=True):
        clip = candidate.clip
        sound = _inside(root, clip.file)
        if sound is None:
            notes.append(f"left out {clip.file!r}: a link leads out of the folder")
            continue
        drawn = peaks(mono_blocks(sound, candidate.sample_rate))
        there = tuple(parents.sound(parent) for parent in clip.parents)
        shown.append(Shown(clip, sound, drawn, (float(x), float(y)), there))
    return Listing(tuple(shown), tuple(notes))


def _inside(root: Path, file: str) -> Path | None:
    """Return the path of a file without links on the way; None where it leads out of the folder."""
    path = (root / file).resolve()
    return path if path.is_relative_to(root) else None


class _Parents:
    """The sounds of parents in a folder, each named for the page by its content, once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, tuple[str, Path] | None] = {}

    def sound(self, parent: Parent) -> tuple[str, Path] | None:
        if not parent.sound:
            return None
        if parent.sound not in self._found:
            path = _inside(self._root, parent.sound)
            there = path is not None and path.is_file() and is_audio_name(path.name)
            self._found[parent.sound] = (
                (sound_name(digest_of(path), path.name), path) if path and there else None
            )
        return self._found[parent.sound]


def sound_name(digest: str, file: str) -> str:
    """Return the page's name for a sound: by content, so that any name may be shown safely."""
    return f"{digest[:_DIGITS]}{PurePosixPath(file).suffix.lower()}"


def as_data(shown: Shown) -> dict[str, object]:
    """Return what the page needs of a clip, as JSON; all texts are on one line."""
    clip = shown.clip
    parents = parents_of(clip)
    sounds = shown.parents or (None,) * len(parents)
    means = [mean_weight(parent.weights, 0.0, 1.0) for parent in parents]
    return {
        "id": clip.clip_id,
        "name": flattened(clip.file),
        "sound": f"sounds/{shown.sound_name}",
        "seconds": round(clip.seconds, 2),
        "verdict": clip.verdict,
        "reason": flattened(clip.verdict_reason),
        "peaks": base64.b64encode(shown.peaks).decode(),
        "loudness": round(clip.measures["loudness"], 1),
        "brightness": round(clip.measures["centroid"]),
        # One without is not filtered as if it had zero.
        **({} if clip.nll is None else {"likelihood": round(-clip.nll, 3)}),
        "place": [round(part * _MAP_WIDTH) for part in shown.place],
        "recordings": [
            _recording(*one) for one in zip(parents, sounds, percentages(means), strict=True)
        ],
        "generated": generated_words(clip),
    }


def _recording(parent: Parent, sound: tuple[str, Path] | None, percent: float) -> dict[str, object]:
    rights = parent.rights
    licences = licences_of(rights)
    return {
        "title": title_of(parent),
        "author": author_of(rights),
        "page": web_address(rights.page_url),
        "licence": rights.licence if rights.known else "licence unknown",
        "known": rights.known,
        "licence_url": web_address(licences[0].url) if len(licences) == 1 else "",
        "categories": [flattened(category) for category in parent.categories],
        "percent": round(percent),
        "weights": list(thinned(parent.weights)),
        "sound": f"parents/{sound[0]}" if sound else "",
    }
