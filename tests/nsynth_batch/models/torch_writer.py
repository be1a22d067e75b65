"""Files as PyTorch saves them, of both forms, written without PyTorch."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class FloatStorage:
    """Stands for the storage of float32 in a pickle."""


class LongStorage:
    """Stands for the storage of int64 in a pickle."""


def _rebuild_tensor_v2() -> None:
    """Stand for the function in a pickle."""


FloatStorage.__module__ = LongStorage.__module__ = "torch"
_rebuild_tensor_v2.__module__ = "torch._utils"


class _Tensor:
    """A tensor as PyTorch pickles it: a call, and a storage by its name."""

    def __init__(self, key: str, value: npt.NDArray[Any]) -> None:
        self.key, self.value = key, value

    def __reduce__(self) -> tuple[Any, ...]:
        strides = tuple(n // self.value.itemsize for n in self.value.strides)
        hooks: OrderedDict[str, Any] = OrderedDict()
        return _rebuild_tensor_v2, (_Key(self), 0, self.value.shape, strides, False, hooks)


class _Key:
    def __init__(self, tensor: _Tensor) -> None:
        self.tensor = tensor


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, *, old: bool) -> None:
        super().__init__(stream, protocol=2)
        self._old = old

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _Key):
            return None
        value = obj.tensor.value
        kind = FloatStorage if value.dtype == np.float32 else LongStorage
        view = (None,) if self._old else ()
        return ("storage", kind, obj.tensor.key, "cpu", value.size, *view)


@contextmanager
def _pretended() -> Iterator[None]:
    """Let pickle find the names of PyTorch that it writes."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    vars(torch).update(FloatStorage=FloatStorage, LongStorage=LongStorage, _utils=utils)
    vars(utils).update(_rebuild_tensor_v2=_rebuild_tensor_v2)
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


def write_torch_file(
    path: Path, tensors: Mapping[str, npt.NDArray[Any]], *, old: bool = False, **beside: Any
) -> None:
    """Write tensors as ``torch.save`` does; what is beside them is a mapping that holds them."""
    own = {name: _Tensor(str(i), value) for i, (name, value) in enumerate(tensors.items())}
    content: Any = OrderedDict(own)
    if beside:
        content = {**beside, "state": content}
    stream = io.BytesIO()
    with _pretended():
        if old:
            for part in (MAGIC, PROTOCOL, {"little_endian": True}):
                pickle.dump(part, stream, protocol=2)
        _Pickler(stream, old=old).dump(content)
    # In whatever order of axes a tensor is, its numbers stand as they lie in memory.
    numbers = {t.key: t.value.ravel(order="K").tobytes() for t in own.values()}
    if old:
        pickle.dump(list(numbers), stream, protocol=2)
        for tensor in own.values():
            stream.write(tensor.value.size.to_bytes(8, "little") + numbers[tensor.key])
        path.write_bytes(stream.getvalue())
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        archive.writestr("archive/byteorder", "little")
        for key, value in numbers.items():
            archive.writestr(f"archive/data/{key}", value)
