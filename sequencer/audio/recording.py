"""Opening recordings of any format: mono, at the rate asked for, in bounded memory.

A recording comes from a path or any seekable binary stream. It is decoded by libsndfile in
blocks, mixed to mono (the mean of its channels) and resampled by one soxr stream, so memory is
bounded by a block whatever the length, and the samples do not depend on the block size.

Nothing is taken on trust: what the stream raises is raised again as itself (libsndfile would
swallow it and call it the end of the file), the declared length is compared with what came, and
samples must be finite.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from sequencer.audio.headers import check_header, declared_mp3_frames
from sequencer.audio.samples import Resampler, Samples
from sequencer.errors import AudioError

SAMPLE_RATE = 16_000
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aif", "aifc", "aiff", "au", "caf", "flac", "mp3", "oga", "ogg", "opus"),
        *("rf64", "snd", "w64", "wav", "wave"),
    )
)
MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000

_BLOCK_VALUES = 1 << 17
_LEAST_READ = 1 << 10
# Encoders differ in whether they count the frame that holds the count.
_MP3_SLACK = 2 * 1152
_ENDLESS = 1 << 40
_TAG = 4096
_READ_AHEAD = 1 << 16
# libsndfile's word for "unknown" is the largest count it can hold.
_UNKNOWN_FRAMES = 1 << 62


class Recording:
    """An open recording, made by `open_recording`; use it in a ``with`` statement.

    Attributes
    ----------
    sample_rate : int
        In Hz, between `MIN_SAMPLE_RATE` and `MAX_SAMPLE_RATE`.
    channels : int
        1 or more.
    frames : int or None
        Frames that the header declares; None where the header does not say.
    format : str
        libsndfile's name of the format, such as ``WAV/PCM_16``.
    """

    def __init__(self, stream: BinaryIO, *, owned: bool) -> None:
        self._owned = stream if owned else None
        self._reader = _Reader(stream)
        check_header(stream)
        stated = declared_mp3_frames(stream)
        self._file = self._opened(stream)
        self._mp3 = self._file.format == "MP3"
        if self._mp3 and not stated:
            # libsndfile then guesses the length from the first frames and stops there, which
            # loses most of a recording of variable bit rate. Told of a stream without end, it
            # decodes all there is.
            self._file.close()
            self._reader.endless = True
            self._file = self._opened(stream)
        self.sample_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.format = f"{self._file.format}/{self._file.subtype}"
        known = self._file.frames < _UNKNOWN_FRAMES and not self._reader.endless
        self.frames = int(self._file.frames) if known else None
        if not MIN_SAMPLE_RATE <= self.sample_rate <= MAX_SAMPLE_RATE:
            raise AudioError(
                "sample-rate",
                f"a rate of {self.sample_rate:,} Hz is outside {MIN_SAMPLE_RATE:,} to "
                f"{MAX_SAMPLE_RATE:,} Hz",
            )
        if self.frames == 0:
            raise AudioError(
                "empty", f"the {self._file.format} header is whole, but 0 frames follow"
            )

    @property
    def seconds(self) -> float | None:
        """Declared length in seconds; None where the header does not say."""
        return None if self.frames is None else self.frames / self.sample_rate

    def mono_blocks(
        self,
        sample_rate: int = SAMPLE_RATE,
        block_seconds: float = 4.0,
        *,
        refuse_silent: bool = False,
    ) -> Iterator[Samples]:
        """Decode once from start to end; see the function `mono_blocks`."""
        size = max(1, round(block_seconds * sample_rate))
        resampler = Resampler(self.sample_rate, sample_rate)
        silent = refuse_silent
        frames = 0
        pending = np.zeros(0, np.float32)
        for mono in self._decoded():
            frames += len(mono)
            silent = silent and not mono.any()
            pending = np.concatenate([pending, resampler.add(mono)])
            while len(pending) >= size:
                yield pending[:size]
                pending = pending[size:]
        if silent:
            raise AudioError(
                "silent",
                f"all {frames:,} frames ({frames / self.sample_rate:.2f} s) are zero",
            )
        pending = np.concatenate([pending, resampler.finish()])
        for start in range(0, len(pending), size):
            yield pending[start : start + size]

    def close(self) -> None:
        """Close the decoder, and the file if it was opened here."""
        self._file.close()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self, stream: BinaryIO) -> Any:
        self._reader.seek(0)
        try:
            file = soundfile.SoundFile(self._reader)
        except soundfile.LibsndfileError as error:
            self._reader.raise_if_failed()
            raise self._open_error(stream, str(error.error_string).strip(" .")) from error
        self._reader.raise_if_failed()
        # soundfile seeks after every read of a seekable file; that disturbs decoders with state
        # and fails outright where the length is unknown. Nothing here seeks.
        file.seekable = lambda: False
        return file

    def _open_error(self, stream: BinaryIO, words: str) -> AudioError:
        stream.seek(0)
        head = stream.read(12)
        stream.seek(0, os.SEEK_END)
        if not any(head.startswith(magic) for magic in _MAGICS):
            shown = head[:8].decode("ascii", "replace").encode("unicode_escape").decode()
            return AudioError(
                "not-audio",
                f"the {stream.tell():,} bytes start with '{shown}', as no sound does ({words})",
            )
        reason = "truncated" if self._reader.at_end else "corrupt"
        return AudioError(
            reason, f"the {stream.tell():,} bytes start like sound, but do not open ({words})"
        )

    def _decoded(self) -> Iterator[Samples]:
        """Mono blocks at the recording's own rate; the declared length is checked at the end."""
        size = max(1, _BLOCK_VALUES // self.channels)
        got = 0
        while True:
            # libsndfile clears what it cannot fill, which for short recordings is nearly all.
            left = size if self.frames is None else max(self.frames - got, _LEAST_READ)
            try:
                block = self._file.read(min(size, left), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                self._reader.raise_if_failed()
                raise self._short(got) from error
            self._reader.raise_if_failed()
            if not len(block):
                break
            if not np.isfinite(block).all():
                at = got + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
                raise AudioError(
                    "non-finite",
                    f"the sample at frame {at:,} ({at / self.sample_rate:.3f} s) is not a finite "
                    "float32 number",
                )
            got += len(block)
            yield _mean_of_channels(block)
        slack = _MP3_SLACK if self._mp3 else 0
        if self.frames is not None and got + slack < self.frames:
            raise self._short(got)
        if got == 0:
            raise AudioError("empty", "the file opens, but not one frame can be decoded")

    def _short(self, got: int) -> AudioError:
        declared = "an unknown number of" if self.frames is None else f"{self.frames:,}"
        detail = f"the header declares {declared} frames, the decoder gave {got:,}"
        if self._reader.at_end:
            return AudioError("truncated", f"{detail} before the file ended")
        return AudioError("corrupt", f"{detail} before it met damaged data")


class _Reader:
    """The face of a stream towards libsndfile, which swallows what its callbacks raise.

    The error is kept and libsndfile is told "end of file"; `raise_if_failed` raises the error as
    itself. A stream that gives fewer bytes than asked for is asked again. It is read ahead, since
    libsndfile asks for 4 KiB at a time and seeks where it need not.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)
        self._stream_at = -1
        self._buffer = b""
        self._buffer_at = 0
        self._error: BaseException | None = None
        self._position = 0
        self.at_end = False
        self.endless = False

    def raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error

    def readinto(self, buffer: memoryview) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._error is None:
            ready = self._ready(len(view) - filled)
            if not ready:
                self.at_end = self._error is None
                break
            view[filled : filled + len(ready)] = ready
            filled += len(ready)
            self._position += len(ready)
        return filled

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        end = _ENDLESS if self.endless else self._size
        self._position = offset + {os.SEEK_CUR: self._position, os.SEEK_END: end}.get(whence, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def _ready(self, size: int) -> bytes:
        """Bytes at the position, from what was read ahead or from the stream."""
        if self._position >= _ENDLESS - _TAG:
            # The last bytes of a stream without end, where a decoder looks for a tag: none.
            return bytes(min(size, max(0, _ENDLESS - self._position)))
        at = self._position - self._buffer_at
        if not 0 <= at < len(self._buffer):
            # A callback from C cannot let anything through, an interrupt neither.
            try:
                if self._stream_at != self._position:
                    self._stream_at = self._stream.seek(self._position)
                self._buffer = self._stream.read(_READ_AHEAD)
            except BaseException as error:
                self._error = error
                return b""
            self._stream_at += len(self._buffer)
            self._buffer_at, at = self._position, 0
        return self._buffer[at : at + size]


_MAGICS = (
    b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"FORM", b".snd", b"dns.", b"caff", b"fLaC",
    b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xfa",
)  # fmt: skip


def is_audio_name(name: str) -> bool:
    """Tell whether a file's name ends as those of the formats that can be opened."""
    return PurePath(name).suffix.lower() in SUFFIXES


def open_recording(source: str | Path | BinaryIO) -> Recording:
    """Open a recording of any format that libsndfile reads.

    Parameters
    ----------
    source : str, Path or BinaryIO
        A path, or a seekable binary stream (read from its beginning; the caller closes it).

    Returns
    -------
    Recording
        Open; nothing is decoded yet.

    Raises
    ------
    AudioError
        With reason ``empty``, ``not-audio``, ``truncated``, ``absurd-header``, ``corrupt``,
        ``sample-rate`` or ``no-channels``.
    OSError
        What opening or reading raised, unchanged: trouble with the place is not trouble with
        the recording.
    """
    if not isinstance(source, (str, Path)):
        return Recording(source, owned=False)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(Path(source).open("rb"))
        recording = Recording(stream, owned=True)
        stack.pop_all()
        return recording


def mono_blocks(
    source: str | Path | BinaryIO,
    sample_rate: int = SAMPLE_RATE,
    block_seconds: float = 4.0,
    *,
    refuse_silent: bool = False,
) -> Iterator[Samples]:
    """Stream a recording as mono blocks at one rate.

    Parameters
    ----------
    source : str, Path or BinaryIO
        See `open_recording`.
    sample_rate : int
        The rate of the output in Hz.
    block_seconds : float
        Length of each block but the last, which is what remains.
    refuse_silent : bool
        Whether a recording without one non-zero sample is an error, told at its end.

    Yields
    ------
    ndarray, float32 [n]
        Full scale is ±1. In all ``resampled_length(frames, recording's rate, sample_rate)``
        samples, the same whatever the block length.

    Raises
    ------
    AudioError
        As `open_recording` does, and ``truncated`` or ``corrupt`` where fewer frames came than
        were declared, ``non-finite``, ``silent``. What was yielded before is then worthless.
    OSError
        What the stream raised.
    """
    with open_recording(source) as recording:
        yield from recording.mono_blocks(sample_rate, block_seconds, refuse_silent=refuse_silent)


def _mean_of_channels(block: npt.NDArray[np.float32]) -> Samples:
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    # Summed channel by channel: the order, and so the last bit, is the same for every block.
    total = block[:, 0].astype(np.float64)
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    mean: Samples = (total / block.shape[1]).astype(np.float32)
    return mean
