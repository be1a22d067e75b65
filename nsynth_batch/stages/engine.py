"""The model of this process: loaded once, shared by the items that it works on."""

from __future__ import annotations

from functools import lru_cache

from nsynth_batch.nsynth import Model, load_model


@lru_cache(maxsize=1)
def open_model(checkpoint: str, engine: str, threads: int | None) -> Model:
    """Load a model, or give the one that this process loaded before.

    Parameters
    ----------
    checkpoint, engine
        As `load_model` takes them.
    threads : int or None
        How many its engine may use; none leaves it to the engine.
    """
    return load_model(checkpoint, engine=engine, threads=threads)
