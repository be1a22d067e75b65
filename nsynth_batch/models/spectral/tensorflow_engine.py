"""The reference: both networks in TensorFlow, spectra and phases as everywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.engine import SpectralEngine
from nsynth_batch.models.spectral.frame_shape import FrameShape
from nsynth_batch.models.spectral.published_config import PublishedConfig
from nsynth_batch.models.spectral.shape import AnyConfig, Shape
from nsynth_batch.models.weights import Array, Weights

try:
    import tensorflow as tf

    from nsynth_batch.models.spectral import graph
    from nsynth_batch.models.spectral.published_shape import PublishedShape
except ImportError as error:
    raise EngineUnavailableError(
        f"engine tensorflow: {error}; install it with pip install 'nsynth-batch[tensorflow]'"
    ) from None


def tensorflow_engine(weights: Weights[AnyConfig], **options: Any) -> SpectralEngine:
    """Return an engine whose networks run in TensorFlow.

    Parameters
    ----------
    weights : Weights
    **options
        Those of `SpectralEngine`.
    """
    tensors = {name: tf.constant(value) for name, value in weights.tensors.items()}
    config = weights.config
    shape: Shape
    if isinstance(config, PublishedConfig):
        shape = PublishedShape(config, tensors)
    else:
        shape = FrameShape(config, partial(_run, config, tensors))
    return SpectralEngine(
        weights, shape=shape, name="tensorflow", versions={"tensorflow": tf.__version__}, **options
    )


def _run(config: SpectralConfig, tensors: Mapping[str, Any], part: str, given: Array) -> Array:
    made: Array = graph.run(config, tensors, part, tf.constant(given[None])).numpy()[0]
    return made
