"""The NSynth WaveNet autoencoder: configuration, checkpoints, engines, training.

>>> from nsynth_batch.nsynth import load_model  # doctest: +SKIP
>>> model = load_model("small")  # doctest: +SKIP
>>> audio = load_audio("rain.m4a", model.config.sample_rate)[None]  # doctest: +SKIP
>>> encodings = model.encode(audio)  # doctest: +SKIP
>>> clips = model.decode(encodings, seed=7)  # doctest: +SKIP
"""

from __future__ import annotations

from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.wavenet.config import CONFIGS, SAMPLE_RATE, Config
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.weights import CheckpointError
from sequencer.audio.recording import load_audio

__all__ = [
    "CONFIGS",
    "SAMPLE_RATE",
    "CheckpointError",
    "Config",
    "EngineUnavailableError",
    "Model",
    "load_audio",
    "load_model",
]
