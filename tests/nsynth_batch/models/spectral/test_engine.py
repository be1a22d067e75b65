"""The engine: TensorFlow's results, the same bytes in any batch, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nsynth_batch.models.engine import EngineUnavailableError, NotFiniteError, Request
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.row_product import row_product
from nsynth_batch.models.spectral.config import SpectralConfig, tensor_shapes
from nsynth_batch.models.spectral.engine import SpectralEngine
from nsynth_batch.models.spectral.family import FAMILY
from nsynth_batch.models.spectral.model import SpectralModel
from nsynth_batch.models.weights import Array, Weights

CONFIG = SpectralConfig(width=6, hidden=10, window=256, step=64, iterations=3)
WEIGHTS = FAMILY.initial(CONFIG, 4)
RNG = np.random.default_rng(3)
AUDIO = RNG.normal(0, 0.2, (3, 10 * CONFIG.hop)).astype(np.float32)


def model_on(engine: str = "native", threads: int = 2) -> SpectralModel:
    runs = make_engine(WEIGHTS, engine, threads=threads)  # type: ignore[arg-type]
    return FAMILY.model(WEIGHTS, runs)


def test_it_is_the_reference_within_rounding() -> None:
    ours, reference = model_on(), model_on("tensorflow")
    wanted = reference.encode(AUDIO)
    np.testing.assert_allclose(ours.encode(AUDIO), wanted, atol=1e-4)
    np.testing.assert_allclose(
        ours.engine.shape.decoded(wanted[0]),
        reference.engine.shape.decoded(wanted[0]),
        atol=1e-4,
    )
    assert reference.facts()["engine"] == "tensorflow"
    assert "tensorflow" in reference.facts()


def test_a_clip_has_the_same_bytes_in_any_batch_on_any_number_of_threads() -> None:
    encodings = model_on().encode(AUDIO)
    rows = [encodings[0], encodings[1][:4], encodings[2][:7]]
    together = model_on(threads=3).decode(rows, seed=9, ids=["a", "b", "c"])
    alone = model_on(threads=1)
    for name, row, clip in zip("abc", rows, together, strict=True):
        [again] = alone.decode([row], seed=9, ids=[name])
        np.testing.assert_array_equal(again, clip)
    for row, encoding in zip(AUDIO, encodings, strict=True):
        np.testing.assert_array_equal(alone.encode(row[None])[0], encoding)
    assert not np.array_equal(together[0], alone.decode(rows[:1], seed=8, ids=["a"])[0])


@pytest.mark.parametrize("rows", [1, 5, 32, 70])
def test_a_row_of_a_product_depends_on_that_row_alone(rows: int) -> None:
    left = RNG.normal(size=(rows, 40)).astype(np.float32)
    right = RNG.normal(size=(40, 17)).astype(np.float32)
    whole = row_product(left, right)
    np.testing.assert_allclose(whole, left @ right, atol=1e-4)
    for i in range(rows):
        np.testing.assert_array_equal(row_product(left[i : i + 1], right)[0], whole[i])


def test_a_clip_that_is_not_finite_is_named_and_the_others_are_whole() -> None:
    tensors = {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(CONFIG).items()}
    tensors["decoder/linear/W"][:] = 1e38
    engine = SpectralEngine(Weights(CONFIG, tensors, {}, "spectral"))
    good, bad = np.zeros((2, 6), np.float32), np.zeros((2, 6), np.float32)
    bad[0, 0], bad[0, 1] = 10, -10

    def request(name: str, encoding: Array) -> Request:
        return Request(name, 0, 2 * CONFIG.hop, conditioning=encoding)

    with pytest.raises(NotFiniteError) as caught:
        engine.generate([request("good", good), request("bad", bad)])
    assert caught.value.clips == [1]
    assert len(caught.value.made[0]) == 2 * CONFIG.hop


def test_progress_is_reported_clip_by_clip() -> None:
    made: list[int] = []
    model_on().decode(model_on().encode(AUDIO), on_progress=made.append)
    assert made == [10 * CONFIG.hop] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.5}, "its temperature is 1"),
        ({"prefix": np.zeros(1, np.int16)}, "cannot go on with"),
        ({"prompt": np.zeros(1, np.int16)}, "has a prompt"),
        ({"length": 3}, "is of 3 samples, its encoding of 2 frames"),
        ({"conditioning": None}, "has no encoding"),
        ({"conditioning": np.zeros((2, 5), np.float32)}, r"must be \[F, 6\]"),
        ({"conditioning": np.full((2, 6), np.nan, np.float32)}, "must be finite"),
    ],
)
def test_requests_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    good = {"length": 2 * CONFIG.hop, "conditioning": np.zeros((2, 6), np.float32)}
    request = Request("a", 0, **(good | change))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        model_on().engine.generate([request])


@pytest.mark.parametrize(
    "options", [{"precision": "int8"}, {"instruction_set": "a set of the future"}]
)
def test_what_it_has_not_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(EngineUnavailableError, match="a spectral model"):
        make_engine(WEIGHTS, "native", **options)  # type: ignore[arg-type]


def test_it_needs_the_memory_that_it_may_take() -> None:
    engine = SpectralEngine(WEIGHTS, threads=4, memory=20_000_000)
    each = engine.needs([512 * CONFIG.hop])
    assert each.batch == 1
    assert engine.needs([64 * CONFIG.hop] * 8).batch == 4
    with pytest.raises(MemoryError, match="are allowed"):
        engine.needs([1 << 20])


def test_inference_loads_no_tensorflow() -> None:
    code = (
        "import sys, numpy as np; from nsynth_batch.models.loading import make_engine;"
        "from nsynth_batch.models.spectral.family import FAMILY as f;"
        "w = f.initial(f.presets['small'], 1); m = f.model(w, make_engine(w, 'native'));"
        "m.decode(m.encode(np.zeros((1, 1024), np.float32)));"
        "sys.exit('tensorflow' in sys.modules or 'librosa' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
