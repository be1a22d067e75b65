"""What tests of the product begin from: a row of the catalog, sizes of small models, a task."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hdfs_jobs.runs.stage import Partial, Task
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.weights import ModelConfig

TINY = Config(
    num_layers=4,
    num_stages=2,
    width=16,
    skip_width=16,
    ae_num_layers=4,
    ae_num_stages=2,
    ae_width=8,
)
# No size is a multiple of another, nor of a vector's.
ODD = Config(
    num_layers=5,
    num_stages=3,
    width=6,
    skip_width=10,
    ae_num_layers=4,
    ae_num_stages=3,
    ae_width=5,
    ae_bottleneck=3,
    ae_hop_length=64,
)
# A few weights of each family, at 16,000 Hz.
SMALLEST: dict[str, ModelConfig] = {
    "nsynth": ODD,
    "wavenet": PlainConfig(num_layers=3, num_stages=3, width=6, skip_width=10),
    "samplernn": SampleConfig(frames=(8, 2), hidden=12, embedding=8, sequence=64),
    "spectral": SpectralConfig(width=4, hidden=6),
    "frames": FrameConfig(8, 5, hidden=4),
}
ROW = Recording(
    file_id="ab" * 20,
    title="Crow\nin two lines",
    page_url="https://example.org",
    raw_url="raw/ab/abab.wav",
    author="Å. Author",
    licence="CC-BY-4.0 OR GFDL-1.3-or-later",
    licence_url="",
    attribution="by Å.",
    categories=("animal", "nature"),
    duration=None,
    revision=None,
    retrieved_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
)


def task(folder: Path, threads: int = 1) -> Task:
    """A task that keeps partial results below a folder."""
    return Task(threads, Partial(open_storage(str(folder)), "partial"))
