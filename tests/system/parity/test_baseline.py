"""The published shape of the family spectral: ours against magenta's own graph, layer by layer.

On a checkpoint that magenta's graph wrote with random weights, moving averages among them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from magenta.contrib.training import HParams
from magenta.models.nsynth import utils
from magenta.models.nsynth.baseline.models import ae

from nsynth_batch.models.checkpoint import convert, inspect, load_checkpoint
from nsynth_batch.models.spectral import published_graph as graph
from nsynth_batch.models.spectral import published_spectrogram as spectrogram
from nsynth_batch.models.spectral.published_config import PublishedConfig
from nsynth_batch.models.weights import Weights
from nsynth_batch.nsynth import CheckpointError, load_model
from tests.system.parity.recordings import recording

Array = npt.NDArray[np.float32]

pytestmark = pytest.mark.timeout(1200)

CONFIG = PublishedConfig()
HALF, PITCHES = CONFIG.hop // 2, np.array([[60], [35]])
TOLERANCE = 1e-4
"""Of any layer: the largest difference, by the root mean square of magenta's."""


@dataclass(frozen=True)
class Baseline:
    """What magenta's graph wrote and gave."""

    prefix: Path
    tensors: dict[str, Array]
    pictures: Array
    layers: list[Array]
    code: Array
    decoded: Array
    loss: float
    taught: tuple[Array, Array, float]
    """Code, picture and loss under the norms of the batch, as in training."""


@pytest.fixture(scope="module")
def legacy_layers() -> Iterator[None]:
    """Let TensorFlow find Keras's first layers, which Keras 2.14 keeps under another name."""
    names = ["", ".base", ".convolutional", ".core", ".normalization"]
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            module = importlib.import_module(f"keras.src.legacy_tf_layers{name}")
            patch.setitem(sys.modules, f"keras.legacy_tf_layers{name}", module)
        # Magenta 2.1.4 calls it by the name of an earlier class.
        patch.setattr(HParams, "update", HParams.override_from_dict, raising=False)
        yield


@pytest.fixture(scope="module")
def audio() -> Array:
    """Return four seconds, of which one rings out into silence."""
    first = recording("ambi_piano.flac", HALF)
    return np.stack(
        [np.concatenate([first, np.zeros(HALF, np.float32)]), recording("guit_em9.flac", 2 * HALF)]
    )


@pytest.fixture(scope="module")
def theirs(
    legacy_layers: None, audio: Array, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Baseline]:
    generator = np.random.default_rng(20)
    settings = ae.get_hparams("nfft_1024")
    config = utils.get_module("baseline.models.ae_configs.nfft_1024")
    seen = magenta_pictures(audio, settings)
    with tf.Graph().as_default() as made, tf.Session() as session:
        pictures = tf.placeholder(tf.float32, seen.shape)
        batch = {"pitch": tf.constant(PITCHES, tf.int64)}
        code = config.encode(pictures, settings, is_training=False)
        decoded = config.decode(code, batch, settings, is_training=False)
        # A layer ends with its leaky rectifier; that of the code has none.
        bent = [op.outputs[0] for op in made.get_operations() if op.type == "Maximum"]
        loss = ae.compute_mse_loss(pictures, decoded, settings)
        taught_code = config.encode(pictures, settings, is_training=True, reuse=True)
        taught = config.decode(taught_code, batch, settings, is_training=True, reuse=True)
        taught_loss = ae.compute_mse_loss(pictures, taught, settings)
        tensors = {v.op.name: random(v.op.name, v.shape.as_list(), generator)
                   for v in tf.global_variables()}  # fmt: skip
        for variable in tf.global_variables():
            variable.load(tensors[variable.op.name], session)
        folder = tmp_path_factory.mktemp("baseline")
        prefix = tf.train.Saver().save(session, str(folder / "model.ckpt"), global_step=7)
        found: Any = session.run(
            [bent, code, decoded, loss, taught_code, taught, taught_loss], {pictures: seen}
        )
    layers, code, decoded, loss, *taught = found
    yield Baseline(
        Path(prefix), tensors, seen, layers, code[:, 0, 0], decoded, float(loss),
        (taught[0][:, 0, 0], taught[1], float(taught[2])),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ours(theirs: Baseline) -> Weights[Any]:
    return load_checkpoint(theirs.prefix)


def magenta_pictures(audio: Array, settings: Any) -> Array:
    """Return spectrograms as magenta's reader makes them: padded in time, cut of the last bin."""
    made = utils.batch_specgram(
        audio, n_fft=settings.n_fft, hop_length=settings.hop_length, mask=settings.mask,
        log_mag=settings.log_mag, re_im=settings.re_im, dphase=settings.dphase,
        mag_only=settings.mag_only,
    )  # fmt: skip
    made = made.reshape(len(audio), 513, 251, 1)
    return np.pad(made, ((0, 0), (0, 0), (0, 5), (0, 0)))[:, :512]


def random(name: str, shape: list[int], generator: np.random.Generator) -> Array:
    """Return weights under which no layer dies out, and norms that are not those of a beginning."""
    if name.endswith("moving_variance"):
        return generator.uniform(0.5, 2, shape).astype(np.float32)
    if len(shape) != 4:
        return generator.normal(0, 1 if "Pitch" in name else 0.1, shape).astype(np.float32)
    # Magnitudes that are all alike would hide what is wrong with them.
    fan_in = 1 if "mag" in name else shape[0] * shape[1] * shape[3 if "decoder" in name else 2]
    return generator.normal(0, np.sqrt(1 / fan_in), shape).astype(np.float32)


def apart(made: Any, wanted: Array) -> float:
    made = np.asarray(made)
    assert made.shape == wanted.shape
    return float(np.abs(made - wanted).max() / np.sqrt(np.mean(np.square(wanted))))


def test_every_tensor_is_read_bit_for_bit(theirs: Baseline, ours: Weights[Any]) -> None:
    assert (ours.family, ours.config) == ("spectral", CONFIG)
    assert set(ours.tensors) == set(theirs.tensors)
    for name, value in theirs.tensors.items():
        np.testing.assert_array_equal(ours.tensors[name], value, err_msg=name)
    found = inspect(theirs.prefix)
    assert (found.kind, found.family, found.config) == ("magenta", "spectral", CONFIG)


def test_spectrograms_are_those_of_magentas_reader(theirs: Baseline, audio: Array) -> None:
    for row, wanted in zip(audio, theirs.pictures[..., 0], strict=True):
        differences = np.abs(spectrogram.picture(CONFIG, row) - wanted)
        # 120 dB below the loudest there is little more than the rounding of a transform.
        assert differences.max() < 1e-3
        assert differences[wanted > 0.3].max() < 1e-5


def test_every_layer_is_magentas(
    theirs: Baseline, ours: Weights[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bent, kept = graph._bent, []

    def spy(tensors: Any, layer: Any, state: Any) -> Any:
        made = bent(tensors, layer, state)
        if layer.leaky:
            kept.append((layer.name, made))
        return made

    monkeypatch.setattr(graph, "_bent", spy)
    tensors = {name: tf2.constant(value) for name, value in ours.tensors.items()}
    code = graph.encode(CONFIG, tensors, tf2.constant(theirs.pictures))
    decoded = graph.decode(CONFIG, tensors, code, tf2.constant(PITCHES[:, 0], tf2.int32))
    assert len(kept) == len(theirs.layers) == 20
    for (name, made), wanted in zip(kept, theirs.layers, strict=True):
        assert apart(made, wanted) < TOLERANCE, name
    assert apart(code, theirs.code) < TOLERANCE
    assert theirs.decoded.std() > 0.1
    assert np.abs(decoded.numpy() - theirs.decoded).max() < TOLERANCE


def test_the_norms_and_the_loss_of_training_are_magentas(
    theirs: Baseline, ours: Weights[Any]
) -> None:
    tensors = {name: tf2.constant(value) for name, value in ours.tensors.items()}
    pictures = tf2.constant(theirs.pictures)
    pitches = tf2.constant(PITCHES[:, 0], tf2.float32)
    moments = graph.Moments()
    code = graph.encode(CONFIG, tensors, pictures, moments)
    wanted_code, wanted, wanted_loss = theirs.taught
    # A norm over two codes alone divides by their small distance, and rounding with it.
    assert np.abs(code.numpy() - wanted_code).max() < 1e-2
    found = graph.decode(CONFIG, tensors, code, tf2.cast(pitches, tf2.int32), moments)
    assert np.abs(found.numpy() - wanted).max() < 1e-2
    loss = graph.error(CONFIG, tensors, pictures, pitches)
    assert float(loss.total) / loss.count == pytest.approx(wanted_loss, rel=1e-3)
    assert len(loss.averaged) == 2 * 21


def test_a_model_of_it_encodes_decodes_and_tells_its_loss(
    theirs: Baseline, audio: Array, tmp_path: Path
) -> None:
    target = tmp_path / "baseline.safetensors"
    convert(theirs.prefix, target)
    model = load_model(target)
    encodings = model.encode(audio)
    assert encodings.shape == (2, 1, 1985)
    for row, wanted in zip(encodings, theirs.code, strict=True):
        # Of spectrograms that differ by the rounding of their softest bins.
        assert apart(row[0, :-1], wanted) < 1e-2
    encodings[:, 0] = np.concatenate([theirs.code, PITCHES], axis=1)
    for row, wanted in zip(encodings, theirs.decoded[..., 0], strict=True):
        assert np.abs(model.engine.shape.pictures(row)[0] - wanted).max() < TOLERANCE
    [clip] = model.decode(encodings[:1], seed=1)
    assert clip.shape == (64_000,)
    assert np.abs(clip).max() == pytest.approx(1, abs=1e-3)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("encoder/0_Layer/0/weights", [5, 5, 1, 128])
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(CheckpointError, match="0/BatchNorm/beta' is missing"):
        load_checkpoint(prefix)
