from __future__ import annotations

from tests.nsynth_batch.models.conftest import tiny

__all__ = ["tiny"]
