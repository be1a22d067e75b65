"""Models: families, the engines that run them, and the files that hold them.

>>> from nsynth_batch.models import load_model
>>> load_model("small", threads=1).family
'nsynth'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsynth_batch.models.loading import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    # Not at import: modules below this package are asked for by what must stay light.
    if name == "load_model":
        from nsynth_batch.models.loading import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
