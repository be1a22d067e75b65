"""What an audition shows: each clip that can be played, with its sound and its waveform."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sequencer.audio.recording import mono_blocks
from sequencer.audition.peaks import peaks
from sequencer.clips.clips import Clip, Parent
from sequencer.clips.weight_points import mean_weight
from sequencer.composing.candidates import find_candidates
from sequencer.credits.aligned import author_of, generated_words, parents_of, title_of
from sequencer.rights.licence_names import licences_of
from sequencer.templates.pages import web_address
from sequencer.text import flattened

_DIGITS = 24


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
    """

    clip: Clip
    sound: Path
    peaks: bytes

    @property
    def sound_name(self) -> str:
        """The page's name for its sound: by content, so that any name may be shown safely."""
        return f"{self.clip.sha256[:_DIGITS]}{PurePosixPath(self.clip.file).suffix.lower()}"


@dataclass(frozen=True)
class Listing:
    """The clips of a folder, and a note for each that is not shown."""

    shown: tuple[Shown, ...]
    notes: tuple[str, ...]


def list_clips(folder: Path) -> Listing:
    """Survey a folder for an audition.

    A file that a link leads to outside the folder is not shown.

    Raises
    ------
    SequencerError
        As `find_candidates` does.
    """
    root = folder.resolve()
    found = find_candidates(folder, keep_all=True)
    notes = [note for note in found.notes if note.startswith("left out")]
    shown = []
    for candidate in found.candidates:
        sound = (root / candidate.clip.file).resolve()
        if not sound.is_relative_to(root):
            notes.append(f"left out {candidate.clip.file!r}: a link leads out of the folder")
            continue
        shown.append(Shown(candidate.clip, sound, peaks(mono_blocks(sound, candidate.sample_rate))))
    return Listing(tuple(shown), tuple(notes))


def as_data(shown: Shown) -> dict[str, object]:
    """Return what the page needs of a clip, as JSON; all texts are on one line."""
    clip = shown.clip
    parents = parents_of(clip)
    return {
        "id": clip.clip_id,
        "name": flattened(clip.file),
        "sound": f"sounds/{shown.sound_name}",
        "seconds": round(clip.seconds, 2),
        "verdict": clip.verdict,
        "reason": flattened(clip.verdict_reason),
        "peaks": base64.b64encode(shown.peaks).decode(),
        "recordings": [_recording(parent) for parent in parents],
        "generated": generated_words(clip),
    }


def _recording(parent: Parent) -> dict[str, object]:
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
        "share": round(mean_weight(parent.weights, 0.0, 1.0), 3),
    }
