"""How long rows are, in seconds of audio."""

from __future__ import annotations

import pyarrow as pa

from sequencer.audio.recording import SAMPLE_RATE


def sample_seconds(batch: pa.RecordBatch) -> float:
    """Return the seconds of audio in rows that hold samples."""
    return len(batch.column("samples").flatten()) / SAMPLE_RATE


def frame_seconds(batch: pa.RecordBatch, hop: int) -> float:
    """Return the seconds of audio that rows of encodings stand for.

    Parameters
    ----------
    batch : pa.RecordBatch
        With the number of frames of each row.
    hop : int
        Samples a frame stands for.
    """
    frames: list[int] = batch.column("frames").to_pylist()
    return sum(frames) * hop / SAMPLE_RATE
