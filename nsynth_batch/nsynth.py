"""The NSynth WaveNet autoencoder: configuration, checkpoints, engines, training.

>>> from importlib.resources import files
>>> from nsynth_batch.nsynth import load_audio, load_model
>>> model = load_model("small")
>>> crow = files("nsynth_batch") / "recordings" / "misc_crow.flac"
>>> audio = load_audio(crow, model.config.sample_rate)[None, :1024]
>>> encodings = model.encode(audio)
>>> encodings.shape
(1, 2, 64)
>>> model.decode(encodings, seed=7).shape
(1, 1024)
>>> model.mashup(model.encode_file(crow, seconds=0.2), encodings[0], "linear").shape
(2, 64)
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
