"""A sound file in the writing, whose errors are those of the operating system."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from sequencer.audio.loudness import Loudness
from sequencer.errors import SequencerError
from sequencer.files import naming
from sequencer.sound_files.marks import SOFTWARE
from sequencer.sound_files.oggpages import set_serial
from sequencer.sound_files.tags import Cue, Tags
from sequencer.sound_files.wavfile import CHUNKS_ROOM, RIFF_LIMIT, WavFile

OUTPUT_RATES = (8_000, 192_000)
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
BITS = (16, 24)
_CONTAINERS = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "VORBIS",
    ".oga": "VORBIS",
    ".opus": "OPUS",
}
_LIBSNDFILE = {"FLAC": "FLAC", "VORBIS": "OGG", "OPUS": "OGG"}


@dataclass(frozen=True)
class Form:
    """How a sound file is written.

    Attributes
    ----------
    container : str
        ``WAV``, ``RF64``, ``FLAC``, ``VORBIS`` or ``OPUS``.
    sample_rate, channels, frames : int
    bits : int
        16 or 24; 32 for float, which every WAV and RF64 may be and what Ogg takes is.
    """

    container: str
    sample_rate: int
    channels: int
    frames: int
    bits: int = 16


class Sink(Protocol):
    """Where the samples go."""

    def write(self, samples: npt.NDArray[Any]) -> None:
        """Take frames [n, channels]: int32 that hold so many bits, or float32."""

    def finish(self, loudness: Loudness | None, true_peak: float | None) -> None:
        """Take what was measured of them: LUFS and dBTP."""


def form_of(path: Path, *, sample_rate: int, channels: int, frames: int, bits: int = 16) -> Form:
    """Choose how a file is written, by its suffix and size.

    Raises
    ------
    SequencerError
        For a suffix or a depth that is not known, or a rate that Opus does not have.
    """
    container = _CONTAINERS.get(path.suffix.lower())
    if container is None:
        known = ", ".join(_CONTAINERS)
        raise SequencerError(f"{path}: end the name in one of {known}, which chooses the format")
    if bits not in BITS:
        raise SequencerError(f"a depth of {bits} bits is not written; choose 16 or 24")
    if container == "OPUS" and sample_rate not in OPUS_RATES:
        rates = ", ".join(f"{rate:,}" for rate in OPUS_RATES)
        raise SequencerError(f"{path}: Opus has only the rates {rates} Hz; set --sample-rate")
    if container in ("VORBIS", "OPUS"):
        bits = 32
    elif container == "WAV":
        container = wav_container(frames * channels * bits // 8)
    return Form(container, sample_rate, channels, frames, bits)


def written_rate(path: Path, sample_rate: int) -> int:
    """Return the rate of a file that holds all of a sound: that of the sound, or the next one up.

    Parameters
    ----------
    path : Path
        Its suffix chooses the format.
    sample_rate : int
        Of the sound, in Hz.
    """
    rate = max(OUTPUT_RATES[0], min(sample_rate, OUTPUT_RATES[1]))
    if _CONTAINERS.get(path.suffix.lower()) != "OPUS":
        return rate
    return next((each for each in OPUS_RATES if each >= rate), OPUS_RATES[-1])


def wav_container(size: int) -> str:
    """Choose between WAV and RF64 for so many bytes of samples."""
    return "RF64" if size > RIFF_LIMIT - CHUNKS_ROOM else "WAV"


@contextlib.contextmanager
def sound_writer(path: Path, form: Form, tags: Tags, cues: tuple[Cue, ...] = ()) -> Iterator[Sink]:
    """Open a sound file to write to.

    Parameters
    ----------
    path : Path
        The file, of any name.
    form : Form
    tags : Tags
    cues : tuple of Cue
        Only WAV and RF64 hold them.

    Raises
    ------
    OSError
        With the file's name: it cannot be opened, or what it is on is full.
    """
    with naming(path), path.open("w+b") as stream:
        if form.container in ("WAV", "RF64"):
            yield WavFile(
                stream,
                sample_rate=form.sample_rate,
                channels=form.channels,
                bits=form.bits,
                frames=form.frames,
                large=form.container == "RF64",
                tags=tags,
                cues=cues,
            )
            return
        with _encoded(stream, form, tags) as sink:
            yield sink
        if form.container in ("VORBIS", "OPUS"):
            set_serial(stream, zlib.crc32(repr((form, tags)).encode()))


@contextlib.contextmanager
def _encoded(stream: BinaryIO, form: Form, tags: Tags) -> Iterator[Sink]:
    """Write by libsndfile: FLAC and Ogg."""
    writer = _Writer(stream)
    try:
        with soundfile.SoundFile(
            writer,
            "w",
            form.sample_rate,
            form.channels,
            format=_LIBSNDFILE[form.container],
            subtype=f"PCM_{form.bits}" if form.container == "FLAC" else form.container,
        ) as sound:
            for name, text in (
                ("title", tags.title),
                ("artist", tags.artist),
                ("copyright", tags.licence),
                ("license", tags.licence),
                ("comment", tags.comment),
                ("software", SOFTWARE),
            ):
                # libsndfile takes no empty text.
                if text:
                    setattr(sound, name, text)
            yield _Encoder(sound, form.bits)
    except (soundfile.SoundFileError, AssertionError):
        # soundfile asserts that libsndfile took every sample.
        writer.raise_if_failed()
        raise
    writer.raise_if_failed()


class _Encoder:
    """libsndfile as a sink; it holds no loudness."""

    def __init__(self, sound: Any, bits: int) -> None:
        self._sound = sound
        self._bits = bits

    def write(self, samples: npt.NDArray[Any]) -> None:
        if self._bits < 32:
            # libsndfile takes whole numbers as the upper bits of 32.
            samples = samples.astype(np.int32) << (32 - self._bits)
        self._sound.write(samples)

    def finish(self, loudness: Loudness | None, true_peak: float | None) -> None:
        pass


class _Writer:
    """The face of a stream towards libsndfile, which swallows what its callbacks raise.

    The first error is kept, and libsndfile learns that nothing more was written.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._error: OSError | None = None

    def raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error

    def write(self, data: bytes) -> int:
        return self._tried(self._stream.write, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._tried(self._stream.seek, offset, whence)

    def tell(self) -> int:
        return self._tried(self._stream.tell)

    def _tried(self, action: Callable[..., int], *arguments: Any) -> int:
        if self._error is None:
            try:
                return action(*arguments)
            except OSError as error:
                self._error = error
        return 0
