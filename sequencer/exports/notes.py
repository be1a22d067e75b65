"""The notes of a score's clips, measured from their sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sequencer.audio.notes import BLOCK_SECONDS, Note, notes_of
from sequencer.audio.recording import mono_blocks
from sequencer.errors import AudioError
from sequencer.files import digest_of
from sequencer.score.score import Event, Score

_RATE = 16_000
_LEAST_SECONDS = 0.06


def clip_notes(score: Score, folder: Path) -> tuple[dict[str, list[Note]], list[str]]:
    """Measure the notes of each clip that plays.

    Parameters
    ----------
    score : Score
    folder : Path
        Where its clips are.

    Returns
    -------
    dict of str to list of Note, list of str
        By clip id; and a line for each clip whose sound is not at hand.

    """
    notes: dict[str, list[Note]] = {}
    missing = []
    for clip_id in dict.fromkeys(event.clip for event in score.events):
        clip = score.clips[clip_id]
        sound = folder / clip.file
        if not sound.is_file():
            missing.append(f"{sound} is missing")
        elif clip.sha256 and digest_of(sound) != clip.sha256:
            missing.append(f"{sound}: not the file that the score was made of")
        else:
            try:
                notes[clip_id] = notes_of(mono_blocks(sound, _RATE, BLOCK_SECONDS), _RATE)
            except AudioError as error:
                missing.append(f"{sound}: {error}")
    return notes, missing


def layer_notes(score: Score, layer: str, notes: Mapping[str, Sequence[Note]]) -> list[Note]:
    """Return what a layer plays, in seconds of the composition and in order.

    A key that is struck again while it sounds is let go first.
    """
    played = [
        note
        for event in score.events
        if event.layer == layer
        for note in _placed(score, event, notes.get(event.clip, ()))
    ]
    played.sort(key=lambda note: (note.start, note.number))
    kept: list[Note] = []
    sounding: dict[int, int] = {}
    for note in played:
        before = sounding.get(note.number)
        if before is not None and kept[before].end > note.start:
            kept[before] = replace(kept[before], end=note.start)
        sounding[note.number] = len(kept)
        kept.append(note)
    return [note for note in kept if note.end - note.start >= _LEAST_SECONDS]


def _placed(score: Score, event: Event, notes: Sequence[Note]) -> list[Note]:
    rate = score.sample_rate
    first, last = event.offset / rate, (event.offset + event.length) / rate
    last = min(last, first + (score.samples - event.start) / rate)
    late = event.start / rate - first
    return [
        replace(
            note,
            start=max(note.start, first) + late,
            end=min(note.end, last) + late,
            level=note.level + event.gain_db,
        )
        for note in notes
        if note.start < last and note.end > first
    ]
