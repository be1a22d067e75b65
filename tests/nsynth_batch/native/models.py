"""Models and clips for the tests of the native engine: small, of any odd size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import Codes, OnCodes, OnProgress, Request
from nsynth_batch.models.instruction_sets import instruction_sets
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.native_engine import NativeEngine
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import Precision

EXAMPLES = int(os.environ.get("NSYNTH_BATCH_TEST_EXAMPLES", "25"))
"""Of a property; the sanitizers' run makes do with fewer."""

SLOWER = int(os.environ.get("NSYNTH_BATCH_TEST_SLOWER", "1"))
"""How many times slower the build under test is; what would take minutes is that much shorter."""

SUPPORTED = [name for name, supported in instruction_sets().items() if supported]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

KINDS = list(product(SUPPORTED, PRECISIONS))
"""Pairs of an instruction set and a precision: what a clip's bytes may hang on."""

TINY = Config(
    num_layers=6,
    num_stages=5,
    width=20,
    skip_width=12,
    ae_num_layers=5,
    ae_num_stages=4,
    ae_width=9,
    ae_bottleneck=5,
    ae_hop_length=7,
)

configs = st.builds(
    Config,
    num_layers=st.integers(1, 7),
    num_stages=st.integers(1, 6),
    width=st.integers(1, 45),
    skip_width=st.integers(1, 40),
    ae_num_layers=st.integers(1, 6),
    ae_num_stages=st.integers(1, 5),
    ae_width=st.integers(1, 40),
    ae_bottleneck=st.integers(1, 18),
    ae_hop_length=st.integers(1, 20),
)


def make_weights(config: Config, seed: int = 0) -> Weights:
    """Random weights, and biases that are not 0, or an error in them would not show."""
    weights = random_weights(config, seed)
    generator = np.random.default_rng(seed)
    tensors = {
        name: generator.normal(0, 0.3, value.shape).astype(np.float32)
        if name.endswith("/biases")
        else value * np.float32(1.5)
        for name, value in weights.tensors.items()
    }
    return Weights(config, tensors)


def make_encodings(
    config: Config, frames: Sequence[int], seed: int = 0
) -> list[npt.NDArray[np.float32]]:
    generator = np.random.default_rng([seed, 1])
    return [generator.normal(0, 1, (n, config.ae_bottleneck)).astype(np.float32) for n in frames]


def make_audio(config: Config, clips: int, frames: int, seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng([seed, 2])
    return generator.uniform(-1, 1, (clips, frames * config.ae_hop_length)).astype(np.float32)


def generate(
    engine: NativeEngine,
    encodings: Sequence[Array],
    draws: Sequence[Draws],
    *,
    temperature: float = 1.0,
    prefixes: Sequence[Codes] | None = None,
    on_codes: OnCodes | None = None,
    on_progress: OnProgress | None = None,
) -> list[Codes]:
    """Generate clips under encodings, from draws of the test's own choice."""
    requests = [
        Drawn(
            id=str(i),
            seed=0,
            length=len(encoding) * engine.config.ae_hop_length,
            conditioning=encoding,
            prefix=None if prefixes is None else prefixes[i],
            temperature=temperature,
            chosen=draws[i],
        )
        for i, encoding in enumerate(encodings)
    ]
    return engine.generate(requests, on_codes=on_codes, on_progress=on_progress)


@dataclass(frozen=True, eq=False)
class Drawn(Request):
    """A request whose draws are given."""

    chosen: Draws | None = None

    @property
    def draws(self) -> Draws:
        assert self.chosen is not None
        return self.chosen


def make_draws(clips: int, seed: int = 0) -> list[Draws]:
    return [Draws(seed, f"clip {i}") for i in range(clips)]
