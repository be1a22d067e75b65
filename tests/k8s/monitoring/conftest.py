from __future__ import annotations

from tests.nsynth_batch.conftest import tiny

__all__ = ["tiny"]
