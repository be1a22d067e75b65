from __future__ import annotations

import numpy as np
import tensorflow as tf

from nsynth_batch.training.optimiser import SLOTS, Descent, Optimiser

RNG = np.random.default_rng(3)
WEIGHTS = {name: RNG.normal(0, 1, (3, 4)).astype(np.float32) for name in "abc"}
GRADIENTS = [RNG.normal(0, 0.1, (3, 4)).astype(np.float32) for _ in WEIGHTS]


def begun() -> dict[str, dict[str, tf.Tensor]]:
    zeros = {name: tf.zeros([3, 4]) for name in WEIGHTS}
    weights = {name: tf.constant(value) for name, value in WEIGHTS.items()}
    return dict(zip(SLOTS, (weights, zeros, zeros, weights), strict=True))


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient() -> None:
    found = Descent(1e9, 0.999).after(begun(), GRADIENTS, tf.constant(0.01), tf.constant(1.0))
    for (name, weight), gradient in zip(WEIGHTS.items(), GRADIENTS, strict=True):
        moved = found["weights"][name].numpy() - weight
        np.testing.assert_allclose(moved, -0.01 * np.sign(gradient), rtol=1e-3)
        # The average of the first steps keeps a first of eleven.
        kept = found["average"][name].numpy() - weight
        np.testing.assert_allclose(kept, moved * 10 / 11, rtol=1e-4)


def test_a_gradient_that_is_too_long_is_cut_over_all_weights_together() -> None:
    length = float(np.sqrt(sum(np.square(gradient).sum() for gradient in GRADIENTS)))
    plain = Descent(length / 4, 0.0, "plain")
    found = plain.after(begun(), GRADIENTS, tf.constant(1.0), tf.constant(1.0))
    for (name, weight), gradient in zip(WEIGHTS.items(), GRADIENTS, strict=True):
        np.testing.assert_allclose(
            found["weights"][name].numpy(), weight - gradient / 4, rtol=1e-5, atol=1e-6
        )
        assert not found["momentum"][name].numpy().any()
        assert not found["variance"][name].numpy().any()


def test_weights_that_are_averages_follow_what_they_are_of() -> None:
    mean = np.full((3, 4), 5.0, np.float32)
    averaged = {"b": tf.constant(mean)}
    one = tf.constant(0.1), tf.constant(1.0)
    found = Descent(1.0, 0.999).after(begun(), GRADIENTS, *one, averaged)
    weight = found["weights"]["b"].numpy()
    np.testing.assert_allclose(weight, WEIGHTS["b"] / 11 + mean * 10 / 11, rtol=1e-5)
    assert np.array_equal(found["average"]["b"].numpy(), weight)


def test_tensors_joined_to_one_make_the_same_step() -> None:
    descent, one = Descent(1.0, 0.999), (tf.constant(0.1), tf.constant(3.0))
    apart = descent.after(begun(), GRADIENTS, *one)
    together = descent.after(
        {slot: {"all": tf.stack(list(values.values()))} for slot, values in begun().items()},
        [tf.stack(GRADIENTS)],
        *one,
    )
    for slot in SLOTS:
        np.testing.assert_allclose(
            together[slot]["all"], tf.stack(list(apart[slot].values())), rtol=1e-5, atol=1e-7
        )


def test_variables_hold_what_a_step_makes_and_take_it_back() -> None:
    descent, one = Descent(1.0, 0.999), (tf.constant(0.1), tf.constant(1.0))
    optimiser = Optimiser(WEIGHTS, descent)
    optimiser.apply(GRADIENTS, *one)
    found = descent.after(begun(), GRADIENTS, *one)
    state = optimiser.state()
    assert set(state) == set(SLOTS)
    for slot in SLOTS:
        for name in WEIGHTS:
            np.testing.assert_allclose(state[slot][name], found[slot][name], rtol=1e-6)
    other = Optimiser({name: np.zeros_like(value) for name, value in WEIGHTS.items()}, descent)
    other.restore(state)
    again = other.state()
    assert all(np.array_equal(again[s][n], state[s][n]) for s in SLOTS for n in WEIGHTS)
