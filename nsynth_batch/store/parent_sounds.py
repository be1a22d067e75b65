"""The sound of clips' parents, as files beside an export: what a listener compares a clip with."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from nsynth_batch.store.clip_names import slug
from nsynth_batch.store.segments import Segments
from sequencer.clips.clips import Clip, Parent
from sequencer.files import naming, replacing

PARENTS = "parents"
"""The folder in an export that holds them."""

_DIGITS = 12


class ParentSounds:
    """Writes each segment that clips were made from once, as FLAC, at the rate of the model.

    A file is named by its recording's title and its content, so one that is there is left as it is.

    Parameters
    ----------
    folder : Path
        Of the export.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[str, str, int], str] = {}

    def written(self, clip: Clip, segments: Segments) -> Clip:
        """Return the clip with the sound of its parents named, which is written if need be."""
        parents = (
            replace(parent, sound=self._file(parent, clip.sample_rate, segments))
            for parent in clip.parents
        )
        return replace(clip, parents=tuple(parents))

    def unnamed(self) -> list[str]:
        """Return the files of earlier exports that no clip of this one names."""
        there = (self._folder / PARENTS).glob("*.flac")
        return sorted({f"{PARENTS}/{path.name}" for path in there} - set(self._files.values()))

    def _file(self, parent: Parent, sample_rate: int, segments: Segments) -> str:
        audio = segments.audio.path if segments.audio else ""
        key = audio, parent.file_id, parent.segment
        if key not in self._files:
            samples = segments.samples(parent.file_id, parent.segment)
            self._files[key] = "" if samples is None else self._write(parent, samples, sample_rate)
        return self._files[key]

    def _write(self, parent: Parent, samples: npt.NDArray[np.int16], sample_rate: int) -> str:
        content = hashlib.sha256(f"{sample_rate} ".encode() + samples.tobytes())
        title = slug(parent.rights.title or parent.file_id)
        name = f"{PARENTS}/{title}-{content.hexdigest()[:_DIGITS]}.flac"
        path = self._folder / name
        if not path.exists():
            flac = io.BytesIO()
            soundfile.write(flac, samples, sample_rate, format="FLAC", subtype="PCM_16")
            path.parent.mkdir(exist_ok=True)
            with naming(path), replacing(path) as part:
                part.write_bytes(flac.getbuffer())
        return name
