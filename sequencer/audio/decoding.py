"""One stream of sound decoded by libsndfile, which is shown only complete, plain containers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from sequencer.audio.containers.view import Part, View
from sequencer.audio.remarks import without_remarks
from sequencer.errors import AudioError

_BLOCK_VALUES = 1 << 17
_LEAST_READ = 1 << 10
# Encoders differ in whether they count the frame that holds the count.
_MP3_SLACK = 2 * 1152
_ENDLESS = 1 << 40
_TAG = 4096
_READ_AHEAD = 1 << 16
# libsndfile's word for "unknown" is the largest count it can hold.
_UNKNOWN_FRAMES = 1 << 62


class UnreadableCodec(AudioError):
    """libsndfile knows the container and not what is in it."""


class SoundFileDecoder:
    """A part of a file, opened by libsndfile.

    Parameters
    ----------
    stream : BinaryIO
        The file.
    part : Part
        What of it is decoded.

    Attributes
    ----------
    sample_rate, channels : int
    frames : int or None
        As declared; None where the header declares none.
    format : str
        libsndfile's name of the format, such as ``WAV/PCM_16``.

    Raises
    ------
    AudioError
        ``truncated`` or ``corrupt``.
    OSError
        What the stream raised.
    """

    def __init__(self, stream: BinaryIO, part: Part) -> None:
        self._part = part
        self._reader = _Reader(View(stream, part.pieces), endless=part.endless)
        self._file = self._opened()
        self.sample_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.format = f"{self._file.format}/{self._file.subtype}"
        known = self._file.frames < _UNKNOWN_FRAMES and not part.endless
        self.frames = int(self._file.frames) if known else None
        if part.frames is not None and self.frames != part.frames:
            raise AudioError(
                "corrupt",
                f"the {self._file.format} file holds {part.frames:,} frames, and the decoder finds "
                f"{self.frames or 0:,}",
            )
        if self.frames == 0:
            raise AudioError(
                "empty", f"the {self._file.format} header is whole, but 0 frames follow"
            )

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Decode once from start to end.

        Yields
        ------
        ndarray, float32 [n, channels]
            As decoded: not checked to be finite or within full scale.

        Raises
        ------
        AudioError
            ``truncated`` or ``corrupt`` where fewer frames come than are declared, ``empty``
            where none comes.
        OSError
            What the stream raised.
        """
        size = max(1, _BLOCK_VALUES // self.channels)
        got = 0
        while True:
            # libsndfile clears what it cannot fill, which for short recordings is nearly all.
            left = size if self.frames is None else max(self.frames - got, _LEAST_READ)
            try:
                with self._quiet():
                    block = self._file.read(min(size, left), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                self._reader.raise_if_failed()
                raise self._short(got) from error
            self._reader.raise_if_failed()
            if not len(block):
                break
            got += len(block)
            yield block
        slack = _MP3_SLACK if self._part.is_mpeg else 0
        if self.frames is not None and got + slack < self.frames:
            raise self._short(got)
        if got == 0:
            raise AudioError("empty", "the file opens, but not one frame of 1 can be decoded")

    def close(self) -> None:
        """Close the decoder; the stream stays open."""
        with self._quiet():
            self._file.close()

    def _quiet(self) -> contextlib.AbstractContextManager[None]:
        return without_remarks() if self._part.is_mpeg else contextlib.nullcontext()

    def _opened(self) -> Any:
        try:
            with self._quiet():
                file = soundfile.SoundFile(self._reader)
        except soundfile.LibsndfileError as error:
            self._reader.raise_if_failed()
            words = str(error.error_string).strip(" .")
            raise UnreadableCodec(
                "corrupt",
                f"the {self._reader.size:,} bytes start like sound, but do not open ({words})",
            ) from error
        self._reader.raise_if_failed()
        # soundfile seeks after every read of a seekable file; that disturbs decoders with state
        # and fails outright where the length is unknown. Nothing here seeks.
        file.seekable = lambda: False
        return file

    def _short(self, got: int) -> AudioError:
        declared = "an unknown number of" if self.frames is None else f"{self.frames:,}"
        detail = f"the header declares {declared} frames, the decoder gave {got:,}"
        if self._reader.at_end:
            return AudioError("truncated", f"{detail} before the file ended")
        return AudioError("corrupt", f"{detail} before it met damaged data")


class _Reader:
    """The face of a view towards libsndfile, which swallows what its callbacks raise.

    The error is kept and libsndfile gets "end of file"; `raise_if_failed` raises the error as
    itself. A stream that gives fewer bytes than asked for is asked again. It is read ahead, since
    libsndfile asks for 4 KiB at a time and seeks where it need not.
    """

    def __init__(self, view: View, *, endless: bool) -> None:
        self._view = view
        self.size = view.size
        self._endless = endless
        self._buffer = memoryview(b"")
        self._buffer_at = 0
        self._error: BaseException | None = None
        self._position = 0
        self.at_end = False

    def raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error

    def readinto(self, buffer: memoryview) -> int:
        view = memoryview(buffer).cast("B")
        at = self._position - self._buffer_at
        if 0 <= at <= len(self._buffer) - len(view):
            # Nearly always: libsndfile asks for 8 KiB at a time, which must cost next to nothing.
            view[:] = self._buffer[at : at + len(view)]
            self._position += len(view)
            return len(view)
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
        end = _ENDLESS if self._endless else self.size
        self._position = offset + {os.SEEK_CUR: self._position, os.SEEK_END: end}.get(whence, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def _ready(self, size: int) -> bytes | memoryview:
        """Bytes at the position, from what was read ahead or from the view."""
        if self._position >= _ENDLESS - _TAG:
            # The last bytes of a stream without end, where a decoder looks for a tag: none.
            return bytes(min(size, max(0, _ENDLESS - self._position)))
        at = self._position - self._buffer_at
        if not 0 <= at < len(self._buffer):
            # A callback from C cannot let anything through, an interrupt neither.
            try:
                ahead = self._view.read_at(max(0, self._position), _READ_AHEAD)
            except BaseException as error:
                self._error = error
                return b""
            self._buffer, self._buffer_at, at = memoryview(ahead), self._position, 0
        return self._buffer[at : at + size]
