"""What a setting is where no file, variable or flag gives it; light, for help prints it too."""

from __future__ import annotations

from typing import Final

STORE: Final = "nsynth-store"
CHECKPOINT: Final = "small"
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
