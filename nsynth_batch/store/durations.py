"""The duration of rows, in seconds of audio."""

from __future__ import annotations

import pyarrow as pa


def sample_seconds(batch: pa.RecordBatch, sample_rate: int) -> float:
    """Return the seconds of audio in rows that hold samples.

    Parameters
    ----------
    batch : pa.RecordBatch
        With the samples of each row.
    sample_rate : int
        Samples a second.
    """
    return len(batch.column("samples").flatten()) / sample_rate


def frame_seconds(batch: pa.RecordBatch, hop: int, sample_rate: int) -> float:
    """Return the seconds of audio that rows of encodings stand for.

    Parameters
    ----------
    batch : pa.RecordBatch
        With the number of frames of each row.
    hop : int
        Samples a frame stands for.
    sample_rate : int
        Samples a second.
    """
    frames: list[int] = batch.column("frames").to_pylist()
    return sum(frames) * hop / sample_rate
