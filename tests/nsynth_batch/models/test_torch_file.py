"""Files of PyTorch: their tensors, and nothing of what else a pickle can do."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsynth_batch.models.torch_file import is_torch_file, read_torch_file
from nsynth_batch.models.weights import CheckpointError
from tests.nsynth_batch.models.torch_writer import write_torch_file

TENSORS = {
    "layer.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "layer.turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "scalar": np.float32(7).reshape(()),
    "empty": np.zeros((0, 3), np.float32),
    "steps": np.array([2**40], np.int64),
}


@pytest.fixture(params=[False, True], ids=["zip", "old"])
def old(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_tensors_are_read_in_any_order_of_axes_and_out_of_mappings(
    tmp_path: Path, old: bool
) -> None:
    path = tmp_path / "ep3-it1000"
    write_torch_file(path, TENSORS, old=old)
    assert is_torch_file(path)
    found = read_torch_file(path)
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype
    write_torch_file(path, TENSORS, old=old, epoch=3)
    assert read_torch_file(path).keys() == {f"state.{name}" for name in TENSORS}


class Trap:
    """What a pickle can be made to do where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_what_is_no_tensor_is_not_run(tmp_path: Path, old: bool) -> None:
    path, made = tmp_path / "trap", tmp_path / "made"
    write_torch_file(path, TENSORS, old=old, trap=Trap(made))
    with pytest.raises(CheckpointError, match=r"trap: holds '(posix|nt)\.mkdir', .* is not run"):
        read_torch_file(path)
    path.write_bytes(pickle.dumps(Trap(made)))
    assert not is_torch_file(path)
    with pytest.raises(CheckpointError, match="no file that PyTorch saved"):
        read_torch_file(path)
    assert not made.exists()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read(tmp_path: Path, old: bool, data: st.DataObject) -> None:
    path = tmp_path / "damaged"
    write_torch_file(path, TENSORS, old=old)
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:place])
    else:
        other = data.draw(st.integers(0, 255))
        path.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])
    try:
        read_torch_file(path)
    except CheckpointError as error:
        assert str(error).startswith(str(path))
        assert len(str(error).splitlines()) == 1
