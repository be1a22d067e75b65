from __future__ import annotations

import pickle

import numpy as np
import pytest

from nsynth_batch.models import quantiser
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import NotFiniteError
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.weights import Weights
from nsynth_batch.nsynth import EngineUnavailableError, load_model
from nsynth_batch.settings.choices import EngineName

HOP = 64


@pytest.fixture(scope="module", params=["tensorflow", "native"])
def model(request: pytest.FixtureRequest, tiny_weights: Weights) -> Model:
    return Model(tiny_weights, make_engine(tiny_weights, request.param))


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.8, 0.8, (3, 5 * HOP + 9)).astype(np.float32)


def test_encoding_has_a_frame_a_hop_and_leaves_the_tail(model: Model, audio: np.ndarray) -> None:
    encodings = model.encode(audio)
    assert (encodings.shape, encodings.dtype) == ((3, 5, 3), np.float32)
    np.testing.assert_array_equal(encodings, model.encode(audio[:, : 5 * HOP]))


def test_rows_do_not_know_of_each_other(model: Model, audio: np.ndarray) -> None:
    np.testing.assert_array_equal(model.encode(audio)[1:2], model.encode(audio[1:2]))


def test_a_future_sample_changes_no_earlier_logit(model: Model, audio: np.ndarray) -> None:
    whole = audio[:1, : 5 * HOP]
    encodings = model.encode(whole)
    changed = whole.copy()
    changed[0, 200] = -changed[0, 200]
    before, after = model.logits(whole, encodings), model.logits(changed, encodings)
    np.testing.assert_array_equal(before[:, :201], after[:, :201])
    assert np.abs(before - after)[:, 201].max() > 0


def test_step_decoder_samples_from_the_teacher_forced_logits(
    model: Model, audio: np.ndarray
) -> None:
    encodings = model.encode(audio)
    made = model.decode(encodings, seed=5, ids=["a", "b", "c"], temperature=0.8)
    logits = model.logits(made, encodings) / np.float32(0.8)
    masses = np.exp(logits - logits.max(-1, keepdims=True))
    sums = np.cumsum(masses / masses.sum(-1, keepdims=True), -1)
    draws = np.stack([Draws(5, name).uniform(0, made.shape[1]) for name in "abc"])
    # A draw within rounding of a bin's border may fall on either side of it.
    border = np.abs(sums - draws[..., None]).min(-1) < 1e-5
    bins = np.minimum((sums < draws[..., None]).sum(-1), 255)
    agree = bins - 128 == quantiser.encode(made)
    assert (agree | border).all()
    assert border.mean() < 0.02


def test_decode_gives_back_what_it_was_given(model: Model, audio: np.ndarray) -> None:
    encodings = model.encode(audio)
    whole = model.decode(encodings, seed=1)
    assert (whole.shape, whole.dtype) == ((3, 5 * HOP), np.float32)
    heard: list[int] = []
    ragged = model.decode(
        [encodings[0], encodings[1, :2], encodings[2]], seed=1, on_progress=heard.append
    )
    assert [len(clip) for clip in ragged] == [5 * HOP, 2 * HOP, 5 * HOP]
    assert sum(heard) == 12 * HOP
    np.testing.assert_array_equal(ragged[1], whole[1, : 2 * HOP])


def test_seed_and_id_make_the_clip(model: Model, audio: np.ndarray) -> None:
    row = model.encode(audio)[:1]
    one = model.decode(row, seed=1, ids=["x"])
    np.testing.assert_array_equal(one, model.decode(row, seed=1, ids=["x"]))
    assert not np.array_equal(one, model.decode(row, seed=2, ids=["x"]))
    assert not np.array_equal(one, model.decode(row, seed=1, ids=["y"]))
    np.testing.assert_array_equal(model.decode(row, seed=1), model.decode(row, 1, ["0"]))


def test_engines_agree(tiny_weights: Weights, audio: np.ndarray) -> None:
    one, two = (
        Model(tiny_weights, make_engine(tiny_weights, name)) for name in ("tensorflow", "native")
    )
    encodings = one.encode(audio)
    np.testing.assert_allclose(two.encode(audio), encodings, rtol=1e-4, atol=1e-5)
    cut = audio[:, : 5 * HOP]
    np.testing.assert_allclose(
        one.logits(cut, encodings), two.logits(cut, encodings), rtol=1e-4, atol=1e-4
    )


def test_nothing_gives_nothing(model: Model) -> None:
    assert model.encode(np.zeros((0, 640), np.float32)).shape == (0, 10, 3)
    assert model.encode(np.zeros((2, 63), np.float32)).shape == (2, 0, 3)
    assert model.logits(np.zeros((0, 64), "f"), np.zeros((0, 1, 3), "f")).shape == (0, 64, 256)
    assert model.decode(np.zeros((2, 0, 3), np.float32)).shape == (2, 0)
    assert model.decode(np.zeros((0, 4, 3), np.float32)).shape == (0, 256)
    assert model.decode([]) == []


def test_logits_of_a_begun_hop_are_those_of_the_whole(model: Model, audio: np.ndarray) -> None:
    encodings = model.encode(audio)
    whole = model.logits(audio[:, : 5 * HOP], encodings)
    np.testing.assert_allclose(
        model.logits(audio[:, : 4 * HOP + 9], encodings), whole[:, : 4 * HOP + 9], atol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m.encode(np.zeros(640, np.float32)), r"\[batch, samples\]"),
        (lambda m: m.encode(np.full((1, 64), np.nan, np.float32)), "not finite"),
        (lambda m: m.decode([np.zeros((2, 4), np.float32)]), r"'0' has shape \(2, 4\)"),
        (lambda m: m.decode([np.full((2, 3), np.inf, np.float32)]), "must be finite"),
        (lambda m: m.decode(np.zeros((2, 3), "f")), r"\[batch, frames, 3\].*encodings\[None\]"),
        (lambda m: m.decode([np.zeros((1, 3), "f")], prefixes=[]), "one prefix each"),
        (lambda m: m.encode(np.zeros((1, 64), np.int16)), "not int16; divide 16-bit samples"),
        (lambda m: m.encode(np.zeros((640, 2), "f")), r"looks like 2 channels.*16000|16000.*2 ch"),
        (lambda m: m.encode(np.zeros(640, "f")), r"audio\[None\]"),
        (lambda m: m.decode(np.zeros((2, 1, 3), np.float32), ids=["a", "a"]), "different ids"),
        (lambda m: m.decode(np.zeros((1, 1, 3), np.float32), temperature=0.0), "temperature"),
        (lambda m: m.logits(np.zeros((1, 64), "f"), np.zeros((1, 2, 3), "f")), "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(model: Model, call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call(model)


@pytest.mark.parametrize("engine", ["tensorflow", "native"])
def test_one_clip_that_is_not_finite_costs_only_itself(
    engine: EngineName, tiny_weights: Weights
) -> None:
    # Large enough to overflow where an encoding is huge, and only there.
    logits = {"logits/W": tiny_weights.tensors["logits/W"] * np.float32(1e6)}
    weights = Weights(tiny_weights.config, {**tiny_weights.tensors, **logits})
    model = Model(weights, make_engine(weights, engine))
    rows = [np.random.default_rng(i).normal(size=(3, 3)).astype(np.float32) for i in range(3)]
    good = model.decode(rows, seed=1)
    rows[1] = np.full((2, 3), 3e38, np.float32)
    with pytest.raises(NotFiniteError, match="not finite for clip 1") as raised:
        model.decode(rows, seed=1)
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.clips, str(error)) == ([1], str(raised.value))
    assert [clip.dtype for clip in error.made] == [np.float32] * 3
    assert len(error.made[1]) == 0
    for i in (0, 2):
        np.testing.assert_array_equal(error.made[i], good[i])


def test_facts_name_what_the_bytes_hang_on(model: Model, tiny_weights: Weights) -> None:
    facts = model.facts()
    assert facts["checkpoint"] == tiny_weights.digest()
    assert facts["engine"] in {"tensorflow", "native"}
    assert {"precision", "instruction_set", "device", "nsynth-batch"} <= set(facts)


def test_engine_that_cannot_be_had_raises(tiny_weights: Weights) -> None:
    with pytest.raises(EngineUnavailableError, match="make magenta-env"):
        make_engine(tiny_weights, "magenta")
    with pytest.raises(EngineUnavailableError, match="no engine is called 'fast'"):
        load_model("small", engine="fast")


def test_an_interrupted_decode_goes_on_where_the_engine_can(tiny_weights: Weights) -> None:
    frames = [np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32) for n in (4, 2)]
    native = Model(tiny_weights, make_engine(tiny_weights, "native"))
    assert native.resumes
    whole = native.decode(frames, seed=1, ids=["a", "b"])
    made = [quantiser.encode(clip)[:stop] for clip, stop in zip(whole, (100, 0), strict=True)]
    heard: list[list[int]] = []
    again = native.decode(
        frames, seed=1, ids=["a", "b"], prefixes=made,
        on_codes=lambda codes: heard.append([len(clip) for clip in codes]),
    )  # fmt: skip
    for one, two in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert heard[-1] == [4 * HOP, 2 * HOP]
    assert all(lengths[0] >= 100 for lengths in heard)
    other = Model(tiny_weights, make_engine(tiny_weights, "tensorflow"))
    assert not other.resumes
    with pytest.raises(ValueError, match="engine tensorflow cannot go on"):
        other.decode(frames, prefixes=made)


def test_what_is_no_encoding_cannot_be_mashed_up(model: Model, audio: np.ndarray) -> None:
    first, second, _ = model.encode(audio)
    for a, b in ((first, audio[0]), (first[:, :2], second), (first[None], second)):
        with pytest.raises(ValueError, match=r"must be an encoding \[frames, 3\]"):
            model.mashup(a, b)
    with pytest.raises(ValueError, match=r"curve must be one of random, cosine, .*, not 'cosin'"):
        model.mashup(first, second, "cosin")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length must be one of shorter, longer, not 'x'"):
        model.mashup(first, second, length="x")  # type: ignore[arg-type]
    straight = model.mashup(first, second[:3], "linear")
    np.testing.assert_allclose(straight[[0, 1, 2]], [first[0], (first + second)[1] / 2, second[2]])
