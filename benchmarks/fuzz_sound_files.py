"""Feed damaged sound files to the reader, as harvest and shard read them.

    python -m benchmarks.fuzz_sound_files --count 10000 --workers 2

Small files of every container that libsndfile writes, and of those that ffmpeg writes where it is
installed, are damaged by seed: cut, lengthened with filler, joined, bytes turned, counts made
wrong. Each is opened as a harvest opens it and decoded as a shard does, in processes that are
killed after ten seconds of work on one file.

A file may be refused with a reason, or read. What is read is compared with what its undamaged file
holds: the sound has to be found in it, and nothing that was appended as filler may be in it.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import shutil
import struct
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import soundfile

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Counted, Noted, Partial, Restarted, Task
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.content import declared_seconds
from nsynth_batch.stages.audio import AudioStage

RATE = 16_000
SECONDS = 0.4
LIMIT_SECONDS = 10.0
_PATIENCE = 12
"""A process that does nothing is waited for so many times longer."""
HOP = 512
FFMPEG_KINDS = ("m4a", "webm", "wma", "aac", "ac3", "mkv", "avi", "mp2", "wv", "ts", "flv")
WITHOUT_LENGTH = frozenset({"IRCAM", "PAF", "PVF", "XI"})
"""Containers that say nothing of their length: what is appended cannot be told from sound."""
_CUT_UNSEEN = frozenset({"ffmpeg", "OGG"})
"""Streams that may end with any frame or page."""
DAMAGES = ("none", "cut", "filler", "tag", "join", "turn", "count", "hole", "swap")


@dataclass(frozen=True)
class Trial:
    """A damaged file.

    Attributes
    ----------
    number : int
        Its seed.
    kind, damage : str
        The container with the codec, and what was done to it.
    data : bytes
    """

    number: int
    kind: str
    damage: str
    data: bytes


def make_files() -> dict[str, bytes]:
    """Return a small file of each kind."""
    sound = 0.5 * np.sin(2 * np.pi * 300 * np.arange(round(SECONDS * RATE)) / RATE)
    files = {}
    for kind in soundfile.available_formats():
        for subtype in soundfile.available_subtypes(kind):
            out = io.BytesIO()
            rate = {"WVE": 8_000, "XI": 44_100}.get(kind, RATE)
            try:
                soundfile.write(out, sound, rate, format=kind, subtype=subtype)
                # What libsndfile cannot read back is none of the reader's.
                soundfile.SoundFile(io.BytesIO(out.getvalue())).close()
            except (soundfile.LibsndfileError, ValueError, TypeError):
                continue
            if kind not in {"RAW", "SD2"}:
                files[f"{kind}/{subtype}"] = out.getvalue()
    if shutil.which("ffmpeg"):
        files |= _ffmpeg_files(files["WAV/PCM_16"])
    return files


def _ffmpeg_files(source: bytes) -> dict[str, bytes]:
    files = {}
    with tempfile.TemporaryDirectory() as name:
        for suffix in FFMPEG_KINDS:
            path = Path(name) / f"file.{suffix}"
            command = ["ffmpeg", "-v", "quiet", "-i", "pipe:0", str(path)]
            if subprocess.run(command, input=source, check=False).returncode == 0:
                files[f"ffmpeg/{suffix}"] = path.read_bytes()
    return files


def make_trial(number: int, files: dict[str, bytes]) -> Trial:
    """Return the damaged file of a seed."""
    rng = random.Random(number)
    kind = rng.choice(sorted(files))
    damage = rng.choice(DAMAGES)
    data = bytearray(files[kind])
    head = min(len(data), 200)
    if damage == "cut":
        del data[rng.randrange(len(data)) :]
    elif damage == "filler":
        data += _filler(rng)
    elif damage == "tag":
        size = rng.choice([0, 10, 3000, 100_000])
        data[:0] = b"ID3\3\0\0" + bytes(size >> n & 127 for n in (21, 14, 7, 0)) + bytes(size)
    elif damage == "join":
        data += bytes(data)
    elif damage == "turn":
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif damage == "count":
        at = rng.randrange(max(1, head - 8))
        number_bytes = struct.pack(rng.choice("<>") + "I", rng.choice(_COUNTS))
        data[at : at + 4] = number_bytes
    elif damage == "hole":
        at = rng.randrange(len(data))
        size = rng.randint(1, max(1, len(data) // 4))
        data[at : at + size] = bytes(len(data[at : at + size]))
    elif damage == "swap":
        a, b = rng.randrange(head), rng.randrange(head)
        data[a : a + 4], data[b : b + 4] = data[b : b + 4], data[a : a + 4]
    return Trial(number, kind, damage, bytes(data))


_COUNTS = (0, 1, 44, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _filler(rng: random.Random) -> bytes:
    size = rng.randint(200, 30_000)
    page = b"<html><body>404 Not Found</body></html>\n" * (size // 40 + 1)
    constant = (bytes(size), b"\xff" * size, b"\xaa\x55" * (size // 2))
    return rng.choice([*constant, rng.randbytes(size), page, b"TAG" + bytes(125)])


def shard_seconds(data: bytes) -> float:
    """Return the seconds that a harvest and a shard take from a file.

    Raises
    ------
    BadInput
        With the reason.
    """
    declared_seconds(io.BytesIO(data))
    stage = AudioStage(segment_samples=64 * HOP, hop=HOP, sample_rate=16_000)
    samples = dropped = 0
    with tempfile.TemporaryDirectory() as name:
        task = Task(1, Partial(open_storage(name), "partial"))
        for result in stage.process(Item("x"), io.BytesIO(data), task):
            if isinstance(result, Restarted):
                samples = dropped = 0
            elif isinstance(result, Counted):
                dropped += result.n
            elif not isinstance(result, Noted):
                samples += len(result.column("samples").flatten())
    return (samples + dropped) / RATE


def verdict(trial: Trial, whole: dict[str, float]) -> str:
    """Return how the reader did: a reason, "read", or a word in capitals for what is wrong."""
    try:
        seconds = shard_seconds(trial.data)
    except BadInput as error:
        return error.reason
    except OSError as error:
        return f"OSERROR {error}"
    except Exception as error:  # every other one is a fault that this run is to find
        return f"ERROR {type(error).__name__}: {error}"
    expected = whole[trial.kind]
    family = trial.kind.split("/")[0]
    slack = 0.05 if family in {"MP3", "ffmpeg", "VOC"} else 0.001
    if trial.damage in {"none", "tag"} and abs(seconds - expected) > slack:
        return f"WRONG {seconds:.3f} s of {expected:.3f}"
    if family in WITHOUT_LENGTH:
        return "read"
    if trial.damage == "filler" and seconds > expected + slack:
        return f"FILLER {seconds:.3f} s of {expected:.3f}"
    if trial.damage == "cut" and family not in _CUT_UNSEEN and seconds < expected - 0.02:
        return f"LOST {seconds:.3f} s of {expected:.3f}"
    if trial.damage == "join" and abs(seconds - 2 * expected) > slack:
        return f"LOST {seconds:.3f} s of {2 * expected:.3f}"
    return "read"


def _serve(pipe: Connection, files: dict[str, bytes], whole: dict[str, float]) -> None:
    while (number := pipe.recv()) is not None:
        pipe.send(verdict(make_trial(number, files), whole))


def _cpu_seconds(pid: int | None) -> float:
    """Return the seconds of CPU that a process used, and those of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class _Worker:
    """A process that reads one file after the other; it is replaced when it dies or hangs."""

    def __init__(
        self, files: dict[str, bytes], whole: dict[str, float], limit_seconds: float
    ) -> None:
        self._files, self._whole, self._limit = files, whole, limit_seconds
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._files, self._whole), daemon=True
        )
        self._process.start()
        theirs.close()

    def read(self, number: int) -> str:
        self._pipe.send(number)
        try:
            if self._is_done():
                return str(self._pipe.recv())
            found = "HANGS"
        except (EOFError, OSError):
            found = "CRASHES"
        self._process.kill()
        self._process.join()
        self._start()
        # The first file of a new process also pays for its imports.
        self._pipe.send(-1)
        self._pipe.poll(60)
        self._pipe.recv()
        return found

    def _is_done(self) -> bool:
        """Wait for an answer: on a busy machine only the process's own seconds count."""
        begun, used = time.monotonic(), _cpu_seconds(self._process.pid)
        while not self._pipe.poll(1.0):
            wall = time.monotonic() - begun
            worked = _cpu_seconds(self._process.pid) - used
            if worked > self._limit or wall > _PATIENCE * self._limit:
                return False
        return True

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join()


def fuzz(
    numbers: range, workers: int, limit_seconds: float = LIMIT_SECONDS
) -> Iterator[tuple[Trial, str]]:
    """Yield each trial of some seeds with its verdict; a crash or a hang is tried once more."""
    from concurrent.futures import ThreadPoolExecutor
    from queue import SimpleQueue

    files = make_files()
    whole = {kind: shard_seconds(data) for kind, data in files.items()}
    free: SimpleQueue[_Worker] = SimpleQueue()
    made = [_Worker(files, whole, limit_seconds) for _ in range(workers)]
    for worker in made:
        worker.read(numbers.start)
        free.put(worker)

    def one(number: int) -> tuple[Trial, str]:
        worker = free.get()
        try:
            found = worker.read(number)
            if found in {"HANGS", "CRASHES"}:
                again = worker.read(number)
                found = f"{found} TWICE" if again == found else again
            return make_trial(number, files), found
        finally:
            free.put(worker)

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, numbers)
    for worker in made:
        worker.close()


def is_fault(found: str) -> bool:
    """Whether a verdict is none that a reader may give."""
    return found.split()[0].isupper()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    table: dict[str, Counter[str]] = {damage: Counter() for damage in DAMAGES}
    faults: list[str] = []
    begun = time.monotonic()
    numbers = range(options.first, options.first + options.count)
    for done, (trial, found) in enumerate(fuzz(numbers, options.workers)):
        if done and done % 1000 == 0:
            print(f"{done:,} files in {time.monotonic() - begun:.0f} s", flush=True)
        table[trial.damage][found if not is_fault(found) else found.split()[0]] += 1
        if is_fault(found):
            faults.append(f"seed {trial.number} {trial.kind} {trial.damage}: {found}")
            print(faults[-1], flush=True)
    words = sorted({word for counts in table.values() for word in counts})
    print(f"{'damage':8}" + "".join(f"{word:>14}" for word in words))
    for damage, counts in table.items():
        print(f"{damage:8}" + "".join(f"{counts[word]:14,}" for word in words))
    wall = time.monotonic() - begun
    print(f"{options.count:,} files in {wall:.0f} s, {len(faults)} faults")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
