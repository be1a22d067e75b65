"""A sound file in the writing, whose errors are those of the operating system."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from sequencer.files import naming

Write = Callable[[npt.NDArray[np.int16]], None]


@contextlib.contextmanager
def sound_writer(path: Path, *, container: str, sample_rate: int) -> Iterator[Write]:
    """Open a mono 16-bit sound file to write to.

    Parameters
    ----------
    path : Path
        The file, of any name.
    container : str
        libsndfile's format, such as ``WAV``.
    sample_rate : int
        In Hz.

    Yields
    ------
    callable
        Takes the next samples, int16 [n].

    Raises
    ------
    OSError
        With the file's name: it cannot be opened, or what it is on is full.
    """
    with naming(path), path.open("wb") as stream:
        writer = _Writer(stream)
        try:
            with soundfile.SoundFile(
                writer, "w", sample_rate, 1, subtype="PCM_16", format=container
            ) as sound:
                yield sound.write
        except (soundfile.SoundFileError, AssertionError):
            # soundfile asserts that libsndfile took every sample.
            writer.raise_if_failed()
            raise
        writer.raise_if_failed()


class _Writer:
    """The face of a stream towards libsndfile, which swallows what its callbacks raise.

    The first error is kept, and libsndfile is told that nothing more was written.
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
