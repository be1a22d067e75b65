"""A training's folder holds a model and the state of the same step, whatever a kill left there."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nsynth_batch.models.checkpoint import POINTER, load_checkpoint
from nsynth_batch.models.weights import CheckpointError, Weights, save_weights
from nsynth_batch.training.checkpoint import ModelFolder


def model(tiny_weights: Weights, step: int) -> Weights:
    tensors = {name: value + np.float32(step) for name, value in tiny_weights.tensors.items()}
    return Weights(tiny_weights.config, tensors, {"step": str(step)})


def state(step: int) -> dict[str, dict[str, np.ndarray]]:
    return {"weights": {"a": np.full(3, step, np.float32)}}


def save(folder: ModelFolder, tiny_weights: Weights, step: int) -> None:
    folder.save(step, model(tiny_weights, step), state(step), "{}")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_save_replaces_the_one_before(tiny_weights: Weights, tmp_path: Path, scheme: str) -> None:
    folder = ModelFolder(f"{scheme}{tmp_path}/deep/model")
    assert folder.load() is None
    for step in (1, 2, 2):
        save(folder, tiny_weights, step)
        saved = folder.load()
        assert saved is not None
        assert (saved.step, saved.made_by) == (step, "{}")
        assert saved.slots(("weights",), {"a": (3,)})["weights"]["a"].tolist() == [step] * 3
        found = load_checkpoint(f"{scheme}{tmp_path}/deep/model")
        assert found.digest() == model(tiny_weights, step).digest()
    names = sorted(path.name for path in (tmp_path / "deep" / "model").iterdir())
    assert names == ["model-2.safetensors", POINTER, "training-2.safetensors"]


@pytest.mark.parametrize("left", [["model"], ["model", "training"]])
def test_a_save_that_was_killed_leaves_model_and_state_of_the_step_before(
    tiny_weights: Weights, tmp_path: Path, left: list[str]
) -> None:
    folder = ModelFolder(str(tmp_path))
    save(folder, tiny_weights, 5)
    for kind in left:
        (tmp_path / f"{kind}-9.safetensors").write_bytes(b"half a file")
    saved = folder.load()
    assert saved is not None
    assert saved.step == 5
    assert load_checkpoint(tmp_path).digest() == model(tiny_weights, 5).digest()
    save(folder, tiny_weights, 9)
    assert load_checkpoint(tmp_path).digest() == model(tiny_weights, 9).digest()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_of_release_0_1_is_read_and_then_replaced(
    tiny_weights: Weights, tmp_path: Path
) -> None:
    save_weights(model(tiny_weights, 3), tmp_path / "model.safetensors")
    assert load_checkpoint(tmp_path).digest() == model(tiny_weights, 3).digest()
    old = {"weights:a": np.full(3, 3, np.float32)}
    save_file(old, tmp_path / "training.safetensors", {"step": "3", "made_by": "{}"})
    folder = ModelFolder(str(tmp_path))
    saved = folder.load()
    assert saved is not None
    assert saved.step == 3
    save(folder, tiny_weights, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model-4.safetensors", POINTER, "training-4.safetensors",
    ]  # fmt: skip
    with pytest.raises(CheckpointError, match=r"no such checkpoint; give its folder"):
        load_checkpoint(tmp_path / "model.safetensors")


def test_a_model_that_was_fitted_takes_the_place_of_the_one_of_its_step(
    tiny_weights: Weights, tmp_path: Path
) -> None:
    folder = ModelFolder(str(tmp_path))
    folder.finish(5, model(tiny_weights, 7))
    assert not list(tmp_path.iterdir())
    save(folder, tiny_weights, 5)
    folder.finish(4, model(tiny_weights, 7))
    assert load_checkpoint(tmp_path).digest() == model(tiny_weights, 5).digest()
    for other in (7, 7, 8):
        folder.finish(5, model(tiny_weights, other))
        assert load_checkpoint(tmp_path).digest() == model(tiny_weights, other).digest()
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "model-5-fitted.safetensors", POINTER, "training-5.safetensors",
        ]  # fmt: skip
    saved = folder.load()
    assert saved is not None
    assert saved.step == 5
    save(folder, tiny_weights, 6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model-6.safetensors", POINTER, "training-6.safetensors",
    ]  # fmt: skip


def test_files_of_others_stay(tiny_weights: Weights, tmp_path: Path) -> None:
    for name in ("model-small.safetensors", "model.safetensors", "notes.txt"):
        (tmp_path / name).write_text("mine")
    save(ModelFolder(str(tmp_path)), tiny_weights, 1)
    assert {"model-small.safetensors", "model.safetensors", "notes.txt"} <= {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": 3, "step": 1}'])
def test_a_damaged_pointer_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / POINTER).write_text(content)
    with pytest.raises(CheckpointError, match="names no"):
        ModelFolder(str(tmp_path)).load()
    with pytest.raises(CheckpointError, match="names no model"):
        load_checkpoint(tmp_path)


def test_a_damaged_state_is_said(tiny_weights: Weights, tmp_path: Path) -> None:
    folder = ModelFolder(str(tmp_path))
    save(folder, tiny_weights, 1)
    file = tmp_path / "training-1.safetensors"
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(CheckpointError, match="not a readable training"):
        folder.load()


def test_a_disk_that_fills_during_a_save_leaves_the_step_before(
    tiny_weights: Weights, tmp_path: Path
) -> None:
    folder = ModelFolder(str(tmp_path))
    save(folder, tiny_weights, 5)
    size = (tmp_path / "model-5.safetensors").stat().st_size
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The model fills it, or the state after a model that had room.
    for room, bulk in ((size // 2, 3), (size + 100, size)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OSError, match=r"too large: '.*/(model|training)-9\.safetensors'"):
                grown = {"weights": {"a": np.zeros(bulk, np.float32)}}
                folder.save(9, model(tiny_weights, 9), grown, "{}")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {name: (tmp_path / name).read_bytes() for name in before} == before
        saved = folder.load()
        assert saved is not None
        assert saved.step == 5
        assert load_checkpoint(tmp_path).digest() == model(tiny_weights, 5).digest()
    save(folder, tiny_weights, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["model-9.safetensors", POINTER, "training-9.safetensors"]
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_saved(tiny_weights: Weights, tmp_path: Path, bad: float) -> None:
    folder = ModelFolder(str(tmp_path))
    save(folder, tiny_weights, 5)
    broken = state(9)
    broken["weights"]["a"][1] = bad
    with pytest.raises(FloatingPointError, match="weights:a is not finite at step 9"):
        folder.save(9, model(tiny_weights, 9), broken, "{}")
    wrong = model(tiny_weights, 9)
    next(iter(wrong.tensors.values())).flat[0] = bad
    with pytest.raises(FloatingPointError, match="not finite at step 9"):
        folder.save(9, wrong, state(9), "{}")
    saved = folder.load()
    assert saved is not None
    assert saved.step == 5
    assert len(list(tmp_path.iterdir())) == 3
