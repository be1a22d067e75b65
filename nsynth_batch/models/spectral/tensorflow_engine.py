"""The reference: both networks in TensorFlow, spectra and phases as everywhere."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.engine import SpectralEngine
from nsynth_batch.models.weights import Array, Weights

try:
    import tensorflow as tf

    from nsynth_batch.models.spectral import graph
except ImportError as error:
    raise EngineUnavailableError(
        f"engine tensorflow: {error}; install it with pip install 'nsynth-batch[tensorflow]'"
    ) from None


def tensorflow_engine(weights: Weights[SpectralConfig], **options: Any) -> SpectralEngine:
    """Return an engine whose networks run in TensorFlow.

    Parameters
    ----------
    weights : Weights
    **options
        Those of `SpectralEngine`.
    """
    config = weights.config
    tensors = {name: tf.constant(value) for name, value in weights.tensors.items()}

    def run(part: str, given: Array, /) -> Array:
        made: Array = graph.run(config, tensors, part, tf.constant(given[None])).numpy()[0]
        return made

    return SpectralEngine(
        weights, network=run, name="tensorflow", versions={"tensorflow": tf.__version__}, **options
    )
