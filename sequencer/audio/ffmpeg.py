"""Sound that only ffmpeg decodes: run as a process of bounded time, memory and output.

It is handed one open file and no name; it may read nothing else, write nothing, and use no
network. The demuxer is given by the file's first bytes, so no playlist is ever followed.
"""

from __future__ import annotations

import functools
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sequencer.audio.containers.foreign import Foreign
from sequencer.errors import AudioError

INSTALL = "apt-get install ffmpeg"
_MEMORY_KIB = 2 << 20
_CPU_SECONDS = 3600
_STALL_SECONDS = 60.0
_BLOCK_VALUES = 1 << 17
_COPY_BYTES = 1 << 20
_MOST_STDERR = 1 << 16
# More samples of a channel from a byte than any codec makes: the file is made to grow.
_FRAMES_PER_BYTE = 8192
_AU_HEADER = 24
_SHELL = 'ulimit -v "$1"; ulimit -t "$2"; ulimit -f 0; ulimit -c 0; shift 2; exec "$@"'
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
_ESTIMATED = "Estimating duration"
_SHORT = ("partial file", "Truncat", "truncated", "moov atom not found", "end of file")
# A packet of any codec is shorter, and so is what a container's own length is off.
_SLACK_SECONDS = 0.5
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


@functools.lru_cache(maxsize=1)
def ffmpeg_version() -> str:
    """Return the version of the ffmpeg that is installed; ``none`` where there is none."""
    path = shutil.which("ffmpeg")
    if path is None:
        return "none"
    try:
        answer = subprocess.run(
            [path, "-version"], capture_output=True, timeout=_STALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.match(rb"ffmpeg version (\S+)", answer.stdout)
    return match[1].decode("ascii", "replace") if match else "unknown"


class FfmpegDecoder:
    """A file decoded by ffmpeg; the first stream of sound in it.

    Parameters
    ----------
    stream : BinaryIO
        The file, seekable. One without a descriptor is copied to a temporary file of its size.
    size : int
        Bytes of the file.
    foreign : Foreign
        Its format.
    start : int
        Where in the file it begins, behind a tag.

    Attributes
    ----------
    sample_rate, channels : int
    frames : None
        Containers give a duration and no count.
    seconds : float or None
        As the container has it.
    format : str

    Raises
    ------
    AudioError
        ``needs-ffmpeg`` where it is not installed, ``not-audio`` where the file has no sound,
        ``truncated`` or ``corrupt``.
    OSError
        What the stream raised, or the temporary file.
    """

    frames = None

    def __init__(self, stream: BinaryIO, size: int, foreign: Foreign, start: int = 0) -> None:
        path = shutil.which("ffmpeg")
        if path is None:
            raise AudioError(
                "needs-ffmpeg",
                f"{foreign.name}, {size:,} bytes: ffmpeg reads it and is not installed here; "
                f"{INSTALL}, then try again what is quarantined",
            )
        self._foreign = foreign
        self._size = size
        self._start = start
        self._copy: BinaryIO | None = None
        self._process = self._started(path, self._descriptor(stream))
        self._errors = bytearray()
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()
        self.format = f"ffmpeg/{foreign.demuxer}"
        try:
            header = self._read(_AU_HEADER)
            if len(header) < _AU_HEADER:
                raise self._failure(0)
            offset, _, _, rate, channels = np.frombuffer(header, ">u4")[1:]
            self._read(int(offset) - _AU_HEADER)
            self.sample_rate, self.channels = int(rate), int(channels)
            if self.sample_rate == 0 or self.channels == 0:
                raise AudioError("corrupt", f"{foreign.name}: {rate} Hz, {channels} channels")
            self.seconds = self._declared()
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Decode once from start to end; see `SoundFileDecoder.blocks`."""
        width = 4 * self.channels
        size = max(1, _BLOCK_VALUES // self.channels) * width
        got = 0
        while data := self._read(size):
            block = np.frombuffer(data, ">f4", len(data) // width * self.channels)
            got += len(block) // self.channels
            if got > self._size * _FRAMES_PER_BYTE:
                raise AudioError(
                    "absurd-header",
                    f"{self._size:,} bytes of {self._foreign.name} give more than {got:,} frames",
                )
            if len(block):
                yield block.astype(np.float32).reshape(-1, self.channels)
        if self._process.wait(_STALL_SECONDS) or self._is_short(got):
            raise self._failure(got)
        if got == 0:
            raise AudioError("empty", f"{self._foreign.name}: 0 frames came of it")

    def close(self) -> None:
        """End the process, however far it is."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._drain.join()
        for stream in (self._process.stdout, self._process.stderr, self._copy):
            if stream is not None:
                stream.close()

    def _descriptor(self, stream: BinaryIO) -> int:
        try:
            return stream.fileno()
        except (OSError, AttributeError):
            self._copy = tempfile.TemporaryFile()  # noqa: SIM115
            assert self._copy is not None
            stream.seek(0)
            shutil.copyfileobj(stream, self._copy, _COPY_BYTES)
            self._copy.flush()
            return self._copy.fileno()

    def _started(self, path: str, descriptor: int) -> subprocess.Popen[bytes]:
        place = f"file:/dev/fd/{descriptor}"
        if self._start:
            # Positions inside a file of MPEG-4 count from its own beginning.
            place = f"subfile,,start,{self._start},end,{self._size},,:{place}"
        return subprocess.Popen(
            [
                *("/bin/sh", "-c", _SHELL, "sh", str(_MEMORY_KIB), str(_CPU_SECONDS), path),
                *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-xerror"),
                *("-threads", "1", "-protocol_whitelist", "file,pipe,fd,subfile"),
                *("-f", self._foreign.demuxer, "-i", place),
                *("-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32be", "-f", "au"),
                "pipe:1",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(descriptor,),
            env=_ENVIRONMENT,
            bufsize=0,
        )

    def _read(self, size: int) -> bytes:
        """Return so many bytes of output, fewer only at its end."""
        stdout = self._process.stdout
        assert stdout is not None
        parts: list[bytes] = []
        latest = time.monotonic() + _STALL_SECONDS
        while size > 0:
            ready, _, _ = select.select([stdout], [], [], max(0.0, latest - time.monotonic()))
            if not ready:
                raise AudioError(
                    "corrupt",
                    f"{self._foreign.name}: nothing came of it in {_STALL_SECONDS:g} s of ffmpeg",
                )
            data = stdout.read(size)
            if not data:
                break
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _read_errors(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while data := stderr.read(4096):
            if len(self._errors) < _MOST_STDERR:
                self._errors += data

    def _log_text(self) -> str:
        return self._errors.decode("utf-8", "replace")

    def _declared(self) -> float | None:
        """Return the duration of a file of nothing but sound, where its header has one."""
        log = self._log_text()
        match = _DURATION.search(log)
        has_more = re.search(r"Stream #0:\d+.*: (Video|Subtitle|Data)", log)
        if match is None or has_more or _ESTIMATED in log:
            return None
        return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) or None

    def _is_short(self, got: int) -> bool:
        self._drain.join(_STALL_SECONDS)
        seconds = self._declared()
        if any(word in self._log_text() for word in _SHORT):
            return True
        return seconds is not None and got / self.sample_rate < seconds * 0.99 - _SLACK_SECONDS

    def _failure(self, got: int) -> AudioError:
        """Return the reason why ffmpeg gave nothing, or less than there should be."""
        self._process.wait(_STALL_SECONDS)
        self._drain.join(_STALL_SECONDS)
        log = self._log_text()
        if "matches no streams" in log:
            return AudioError(
                "not-audio", f"{self._foreign.name}, {self._size:,} bytes: no sound is in it"
            )
        lines = re.findall(r"\[(?:error|fatal|panic)\] (.*)", log) or ["it ended"]
        seconds = self._declared()
        came = f"{got:,} frames of {self._size:,} bytes came"
        if seconds is not None and got:
            came += f" ({got / self.sample_rate:.2f} of {seconds:.2f} s)"
        short = any(word in log for word in _SHORT) or self._process.returncode == 0
        return AudioError(
            "truncated" if short else "corrupt", f"{self._foreign.name}: {came} ({lines[0]})"
        )
