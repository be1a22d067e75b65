"""The spool: what is already mixed, kept beside the output until the output is whole.

Each entry is a file of float32 samples named after what sounds in it, with their CRC-32 at its end.
It takes its name when it is whole, so a process that is killed leaves whole entries or none, and a
damaged entry is made again.
"""

from __future__ import annotations

import contextlib
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sequencer.audio.samples import Samples
from sequencer.errors import OutputError, SequencerError
from sequencer.locks import Lock, take_lock

_SUFFIX = ".f32"
_PART = ".part"
_LOCK = "lock"
_CRC_BYTES = 4
_BLOCK = 1 << 18


class SpoolInUse(SequencerError):
    """Another process mixes into the same spool; it may be tried again later."""

    exit_code = 75


class Spool:
    """A folder of mixed samples; use it in a ``with`` statement, which one process can do at once.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    keep : bool
        Whether the entries of this rendering stay when all went well.

    Notes
    -----
    When an exception leaves the ``with`` statement the entries stay, so that the work can go on; a
    spool without one goes.
    """

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self.folder = folder
        self._keep = keep
        self._used: set[str] = set()
        self._lock: Lock | None = None
        self._checked: set[str] = set()

    def __enter__(self) -> Spool:
        with self._written():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock = take_lock(self.folder / _LOCK)
            except BlockingIOError:
                raise SpoolInUse(
                    f"{self.folder}: another process renders with this spool; wait until it has "
                    "ended, or name another with --spool"
                ) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove what is not to stay: parts, entries of other scores, or all of it."""
        assert self._lock is not None
        with contextlib.suppress(OSError):
            for path in self._entries(_PART):
                path.unlink(missing_ok=True)
            if kind is None:
                for path in self._entries(_SUFFIX):
                    if not self._keep or path.stem not in self._used:
                        path.unlink(missing_ok=True)
            if not any(self._entries(_SUFFIX)):
                (self.folder / _LOCK).unlink(missing_ok=True)
                self.folder.rmdir()
        self._lock.close()

    def keep(self, name: str, samples: int, make: Callable[[], Iterable[Samples]]) -> None:
        """Make an entry unless it is there.

        Parameters
        ----------
        name : str
            What identifies its content.
        samples : int
            How many it holds.
        make : callable
            Called when it is missing; gives float32 arrays, `samples` values in all.
        """
        self._used.add(name)
        if name in self._checked or self._whole(name, samples):
            self._checked.add(name)
            return
        part = self.folder / f"{name}.{secrets.token_hex(4)}{_PART}"
        crc = 0
        try:
            with self._written():
                stream = part.open("wb")
            with stream:
                for block in make():
                    data = np.ascontiguousarray(block, "<f4").data.cast("B")
                    crc = zlib.crc32(data, crc)
                    with self._written():
                        stream.write(data)
                with self._written():
                    stream.write(crc.to_bytes(_CRC_BYTES, "little"))
                    stream.flush()
            with self._written():
                part.replace(self._path(name))
        finally:
            part.unlink(missing_ok=True)
        self._checked.add(name)

    def read(self, name: str, start: int, stop: int) -> Samples:
        """Return values `start` to `stop` of an entry that is kept, float32 [stop - start]."""
        samples: Samples = np.fromfile(
            self._path(name), "<f4", count=stop - start, offset=4 * start
        )
        return samples

    def _whole(self, name: str, samples: int) -> bool:
        try:
            stream = self._path(name).open("rb")
        except FileNotFoundError:
            return False
        with stream:
            left, crc = 4 * samples, 0
            while left and (block := stream.read(min(left, _BLOCK))):
                crc = zlib.crc32(block, crc)
                left -= len(block)
            return left == 0 and stream.read() == crc.to_bytes(_CRC_BYTES, "little")

    def _entries(self, suffix: str) -> Iterator[Path]:
        return (path for path in list(self.folder.iterdir()) if path.name.endswith(suffix))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"

    @contextlib.contextmanager
    def _written(self) -> Iterator[Any]:
        """Let what fails in the spool be about the spool."""
        try:
            yield
        except OSError as error:
            raise OutputError(self.folder, error) from error
