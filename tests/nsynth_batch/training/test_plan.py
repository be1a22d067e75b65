from __future__ import annotations

import math
from dataclasses import replace

from nsynth_batch.models.frame_gru.family import FAMILY as FRAMES
from nsynth_batch.models.recipe import FREE_RUNNING
from nsynth_batch.models.spectral.family import FAMILY as SPECTRAL
from nsynth_batch.models.wavenet.family import FAMILY as NSYNTH
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.plan import plan_training, refusal

TINY, SMALL, PAPER = (FAMILY.presets[name] for name in ("tiny", "small", "paper"))
OPTIONS = TrainingOptions(steps=1000, batch=2, crop_samples=FAMILY.crop_samples(PAPER))


def test_what_is_done_is_planned_no_more() -> None:
    whole, rest = (plan_training(FAMILY, TINY, OPTIONS, step) for step in (0, 750))
    assert whole.samples == 1000 * 2 * OPTIONS.crop_samples
    assert (rest.samples, rest.products) == (whole.samples // 4, whole.products // 4)
    assert rest.memory == whole.memory
    assert whole.seconds(2e9) == whole.seconds(1e9) / 2


def test_memory_grows_with_the_crops_and_the_sizes() -> None:
    one, two = (
        plan_training(FAMILY, TINY, replace(OPTIONS, batch=batch)).memory for batch in (1, 2)
    )
    larger = plan_training(FAMILY, PAPER, replace(OPTIONS, batch=1)).memory
    assert one < two < 2 * one
    assert larger > one


def test_a_preset_that_is_too_large_is_refused_with_the_nearest_that_fits() -> None:
    small = replace(OPTIONS, crop_samples=FAMILY.crop_samples(SMALL))
    fits = plan_training(FAMILY, SMALL, small).memory
    found = refusal(FAMILY, PAPER, OPTIONS, own_crop=True, available=fits)
    assert found is not None
    needed = plan_training(FAMILY, PAPER, OPTIONS).memory
    assert f"about {needed / 1e9:.1f} GB" in found
    assert "million weights" in found
    assert f"--preset small, which takes {fits / 1e9:.1f} GB" in found
    assert refusal(FAMILY, PAPER, OPTIONS, own_crop=True, available=needed) is None


def test_where_no_preset_fits_smaller_steps_are_advised() -> None:
    found = refusal(FAMILY, TINY, OPTIONS, own_crop=True, available=1000)
    assert found is not None
    assert "smaller --batch or shorter --crop-samples" in found


def test_a_layer_over_frames_is_counted_once_a_frame() -> None:
    config = FRAMES.presets["small"]
    options = TrainingOptions(batch=16, crop_samples=FRAMES.crop_samples(config))
    # Its peak was 0.9 GB, of which 0.6 before the first step.
    assert 0.8e9 < plan_training(FRAMES, config, options).memory < 1.2e9
    assert refusal(FRAMES, config, options, own_crop=True, available=2 * 10**9) is None
    spectral = SPECTRAL.presets["small"]
    crops = TrainingOptions(batch=32, crop_samples=SPECTRAL.crop_samples(spectral))
    # Its peak was 1.1 GB.
    assert 0.8e9 < plan_training(SPECTRAL, spectral, crops).memory < 1.4e9
    longer = replace(options, crop_samples=2 * options.crop_samples)
    samples = options.batch * options.crop_samples
    more = plan_training(FRAMES, config, longer).memory
    assert more > plan_training(FRAMES, config, options).memory + 4 * samples


def test_while_the_encoder_learns_alone_the_decoder_takes_nothing() -> None:
    config = NSYNTH.presets["small"]
    cost = NSYNTH.cost(config)
    recipe = replace(FREE_RUNNING, encoder_steps=600)
    options = TrainingOptions(steps=1000, batch=2, crop_samples=1024, recipe=recipe)
    for step, decoded in ((0, 400), (500, 400), (700, 300), (1000, 0)):
        products = 3 * 2 * 1024 * ((1000 - step) * cost.encode + decoded * cost.generate)
        assert plan_training(NSYNTH, config, options, step).products == products
    alone = replace(options, recipe=replace(recipe, encoder_steps=5000))
    assert plan_training(NSYNTH, config, alone).products == 3 * 1000 * 2 * 1024 * cost.encode


def test_what_targets_alone_go_through_is_counted_for_them() -> None:
    cost, past = FAMILY.cost(SMALL), SMALL.receptive_field
    shapes = FAMILY.tensor_shapes(SMALL)
    skips = sum(math.prod(shapes[name]) for name in cost.targets)
    assert 0.5 * cost.generate < skips < cost.generate
    options = TrainingOptions(steps=1000, batch=2, crop_samples=2 * past)
    plan = plan_training(FAMILY, SMALL, options)
    assert plan.products == 3 * 1000 * 2 * 2 * past * (cost.generate - skips // 2)
    # Its peak was 1.8 GB.
    crops = replace(options, crop_samples=6144)
    assert 1.2e9 < plan_training(FAMILY, SMALL, crops).memory < 2.2e9
