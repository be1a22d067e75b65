"""What a setting is where no file, variable or flag gives it; light, for help prints it too."""

from __future__ import annotations

from typing import Final

STORE: Final = "nsynth-store"
CHECKPOINT: Final = "small"
"""Of the steps on a store: another one would begin other datasets in those that are there."""
FIRST_CHECKPOINT: Final = "spectral"
"""Of what a newcomer hears first: the bundled model that keeps most of any sound."""
ENGINE: Final = "auto"
PRECISION: Final = "auto"
GPU_RESOURCE: Final = "GPU"
PAIRS: Final = 16
PARENTS: Final = 2
CURVE: Final = "random"
LENGTH: Final = "shorter"
TEMPERATURE: Final = 1.0
SEGMENT_SECONDS: Final = 6.24
SAMPLE_RATE: Final = 16_000
MAX_BAD_FRACTION: Final = 0.5
LOG_FORMAT: Final = "text"
LEASE_SECONDS: Final = 30.0
RETRIES: Final = 3
METRICS_PORT: Final = 0
METRICS_HOST: Final = "127.0.0.1"

TYPES: Final = ("wav",)
DEPTH: Final = 3
