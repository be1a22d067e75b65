"""Recordings to segments: mono, at one rate, cut, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Counted, Noted, Restarted, Task
from hdfs_jobs.storage.open import is_remote
from nsynth_batch.catalog.content import HashingStream
from nsynth_batch.store.arrays import list_column
from nsynth_batch.store.durations import sample_seconds
from nsynth_batch.store.schemas import AUDIO
from sequencer.audio.mixing import Mix
from sequencer.audio.recording import AudioReader, open_recording
from sequencer.audio.samples import to_int16
from sequencer.errors import AudioError

CHANGED = "changed"
"""The reason of a file that took the place of the one that was harvested."""

Block = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AudioStage:
    """Cut each recording in segments of whole hops.

    Attributes
    ----------
    segment_samples
        Length of a segment, a multiple of `hop`.
    hop
        Samples a frame of an encoding stands for; a tail shorter than one is dropped and
        counted.
    sample_rate
        Of the segments, in Hz.
    """

    segment_samples: int
    hop: int
    sample_rate: int

    name = "audio"
    schema = AUDIO
    row_group_rows = 16

    def process(
        self, item: Item, source: BinaryIO, task: Task
    ) -> Iterator[pa.RecordBatch | Counted | Noted | Restarted]:
        """Yield a row a segment of the recording that `source` streams.

        One that is read in place is checked to be what was harvested: nothing may go on under
        the rights of another.

        Raises
        ------
        BadInput
            If it is no audio, is damaged, holds nothing but zeros, is shorter than one hop, or
            took the place of the file that was harvested.
        """
        if item.url is None or not is_remote(item.url):
            yield from self._segments(item, source, task)
            return
        identified = HashingStream(source)
        try:
            yield from self._segments(item, identified.buffered, task)
        except BadInput:
            _refuse_another(item, identified.sha1())
            raise
        _refuse_another(item, identified.sha1())

    def _segments(
        self, item: Item, source: BinaryIO, task: Task
    ) -> Iterator[pa.RecordBatch | Counted | Noted | Restarted]:
        try:
            with open_recording(source) as reader:
                yield from self._rows(item, reader, Mix(), task)
                # Only the end shows that samples went beyond full scale or channels cancel.
                while (mix := reader.remix) is not None:
                    yield Restarted()
                    yield from self._rows(item, reader, mix, task)
                yield from map(Noted, reader.notes)
        except AudioError as error:
            raise BadInput(error.reason, error.detail) from error

    def _rows(
        self, item: Item, reader: AudioReader, mix: Mix, task: Task
    ) -> Iterator[pa.RecordBatch | Counted]:
        total = 0
        blocks = reader.mono_blocks(self.sample_rate, refuse_silent=True, mix=mix)
        for segment in cut(blocks, self.segment_samples):
            whole = len(segment) // self.hop * self.hop
            if whole < len(segment):
                yield Counted("dropped_samples", len(segment) - whole)
            if whole:
                yield self._row(item.key, total, to_int16(segment[:whole]))
            total += len(segment)
            task.heartbeat()
        if total < self.hop:
            raise BadInput(
                "too-short", f"{total} samples at {self.sample_rate} Hz; one hop is {self.hop}"
            )

    def _row(self, file_id: str, start: int, samples: npt.NDArray[np.int16]) -> pa.RecordBatch:
        return pa.record_batch(
            [
                pa.array([file_id]),
                pa.array([start // self.segment_samples], pa.int32()),
                pa.array([start / self.sample_rate]),
                list_column([samples], pa.int16()),
            ],
            schema=AUDIO,
        )

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Seconds of audio in some rows."""
        return sample_seconds(batch, self.sample_rate)

    def facts(self, threads: int) -> dict[str, str]:
        """Name the libraries that the bytes depend on."""
        import soundfile
        import soxr

        from sequencer.audio.ffmpeg import ffmpeg_version

        return {
            "ffmpeg": ffmpeg_version(),
            "libsndfile": str(soundfile.__libsndfile_version__),
            "soxr": str(soxr.__version__),
        }


def _refuse_another(item: Item, sha1: str) -> None:
    if sha1 != item.key:
        raise BadInput(
            CHANGED,
            f"{item.url} has changed since it was harvested, when its SHA-1 was {item.key}: put "
            "the file back, or harvest its source again for the new one",
        )


def cut(blocks: Iterable[Block], length: int) -> Iterator[Block]:
    """Cut a stream of blocks in pieces of one length; the last may be shorter.

    Parameters
    ----------
    blocks : iterable of float32 [n_i]
        The stream.
    length : int
        Samples a piece.

    Yields
    ------
    float32 [length], the last [1 … length]
    """
    waiting: list[Block] = []
    held = 0
    for block in blocks:
        rest = block
        while held + len(rest) >= length:
            yield np.concatenate([*waiting, rest[: length - held]])
            rest = rest[length - held :]
            waiting, held = [], 0
        if len(rest):
            waiting.append(rest)
            held += len(rest)
    if held:
        yield np.concatenate(waiting)
