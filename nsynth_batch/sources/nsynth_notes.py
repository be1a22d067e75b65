"""A note of the NSynth data set: what its json or its record says of it, and its sound."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nsynth_batch.sources.tfrecords import Feature
from sequencer.rights.rights import Rights

RIGHTS = Rights(
    author="Jesse Engel, Cinjon Resnick, Adam Roberts, Sander Dieleman, Douglas Eck, "
    "Karen Simonyan and Mohammad Norouzi (The NSynth Dataset)",
    licence="CC-BY-4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    page_url="https://magenta.tensorflow.org/datasets/nsynth",
)

RECORD_RATE = 16_000
"""Of the sounds in records, in Hz: they do not say it."""

FAMILIES = (
    "bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string",
    "synth_lead", "vocal",
)  # fmt: skip
SOURCES = ("acoustic", "electronic", "synthetic")
QUALITIES = (
    "bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env",
    "percussive", "reverb", "tempo-synced",
)  # fmt: skip
"""In the order of the numbers and marks that records have for them."""

_FULL_SCALE = 32768
_NAME = re.compile(rb"[\w.-]+")


@dataclass(frozen=True)
class Note:
    """What is known of a note; what is not is empty or None.

    Attributes
    ----------
    name
        As ``bass_synthetic_033-022-050``: instrument, pitch and velocity.
    family, source
        One of `FAMILIES` and of `SOURCES`.
    pitch, velocity
        As MIDI has them.
    qualities
        Some of `QUALITIES`.
    """

    name: str
    family: str = ""
    source: str = ""
    pitch: int | None = None
    velocity: int | None = None
    qualities: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """What pairs are chosen by: all that is known, in words.

        Examples
        --------
        >>> Note("bass_synthetic_033-022-050", "bass", pitch=22, qualities=("dark",)).categories
        ('bass', 'bass_synthetic_033', 'pitch 22', 'dark')
        """
        instrument = self.name.rsplit("-", 2)[0] if self.name.count("-") >= 2 else ""
        numbers = {"pitch": self.pitch, "velocity": self.velocity}
        words = [f"{name} {number}" for name, number in numbers.items() if number is not None]
        named = (self.family, self.source, instrument, *words, *self.qualities)
        return tuple(word for word in named if word)


def note_of_json(name: str, values: Any) -> Note:
    """Return a note as examples.json has it; what is of another kind is not known."""
    known = values if isinstance(values, dict) else {}
    qualities = known.get("qualities_str")
    return Note(
        name,
        family=_of_kind(known.get("instrument_family_str"), str) or "",
        source=_of_kind(known.get("instrument_source_str"), str) or "",
        pitch=_of_kind(known.get("pitch"), int),
        velocity=_of_kind(known.get("velocity"), int),
        qualities=tuple(each for each in qualities if isinstance(each, str))
        if isinstance(qualities, list)
        else (),
    )


def note_of_record(features: Mapping[str, Feature]) -> tuple[Note, bytes]:
    """Return a note of a TFRecord file, and its sound as a wav file.

    Its samples are written in 16 bits where they are whole steps of these, and in float32
    otherwise.

    Raises
    ------
    ValueError
        It has no name, or no sound.
    """
    names, audio = features.get("note_str"), features.get("audio")
    if not isinstance(names, list) or len(names) != 1 or not _NAME.fullmatch(names[0]):
        raise ValueError("no name of a note in it")
    if not isinstance(audio, np.ndarray) or audio.dtype != np.float32 or not len(audio):
        raise ValueError("no sound in it")
    note = Note(
        names[0].decode(),
        family=_word(FAMILIES, _number(features, "instrument_family")),
        source=_word(SOURCES, _number(features, "instrument_source")),
        pitch=_number(features, "pitch"),
        velocity=_number(features, "velocity"),
        qualities=tuple(
            word
            for word, mark in zip(QUALITIES, _numbers(features, "qualities"), strict=False)
            if mark
        ),
    )
    return note, _wav(audio.astype(np.float32, copy=False))


def _of_kind(value: Any, kind: type) -> Any:
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _numbers(features: Mapping[str, Feature], name: str) -> list[int]:
    values = features.get(name)
    return values.tolist() if isinstance(values, np.ndarray) and values.dtype == np.int64 else []


def _number(features: Mapping[str, Feature], name: str) -> int | None:
    return next(iter(_numbers(features, name)), None)


def _word(words: tuple[str, ...], number: int | None) -> str:
    return words[number] if number is not None and 0 <= number < len(words) else ""


def _wav(audio: npt.NDArray[np.float32]) -> bytes:
    steps = audio * np.float32(_FULL_SCALE)
    out = io.BytesIO()
    if np.array_equal(steps, np.rint(steps)) and np.abs(steps).max() < _FULL_SCALE:
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RECORD_RATE)
            file.writeframes(steps.astype("<i2").tobytes())
        return out.getvalue()
    import soundfile

    soundfile.write(out, audio, RECORD_RATE, format="WAV", subtype="FLOAT")
    return out.getvalue()
