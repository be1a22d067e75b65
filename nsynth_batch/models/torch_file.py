"""Tensors of a file that PyTorch saved, read without PyTorch and without running what is in it."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.weights import CheckpointError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What a file of before PyTorch 1.6 begins with."""

_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class _Storage:
    """Numbers that tensors look at: by name, for they may stand behind the pickle."""

    key: str
    dtype: str
    first: int = 0


@dataclass(frozen=True)
class _View:
    """A tensor: which numbers of a storage it is made of."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def is_torch_file(path: Path) -> bool:
    """Return whether a file looks like one that PyTorch saved.

    Parameters
    ----------
    path : Path
        A file that can be read; a folder is none.
    """
    if not path.is_file():
        return False
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return _pickle_in(archive) is not None
    with path.open("rb") as stream:
        return _begins_old(stream)


def read_torch_file(path: Path) -> dict[str, Numbers]:
    """Return the tensors of a file, those of nested mappings too.

    A pickle may call any function of any module. Here it may build ordered mappings and tensors;
    whatever else it names is refused.

    Parameters
    ----------
    path : Path
        Of either of the forms that PyTorch has had since 0.2: a zip archive, or pickles that
        numbers follow.

    Returns
    -------
    dict of str to arrays
        By name; that of a tensor in a nested mapping has the mapping's name and a dot before it.

    Raises
    ------
    CheckpointError
        If the file is of another form, damaged, or holds something that is no tensor.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content, numbers = _read_zip(archive, path)
        else:
            with path.open("rb") as stream:
                content, numbers = _read_old(stream, path)
        return {name: _numbers(view, numbers) for name, view in _tensors(content)}
    except (CheckpointError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:
        # What a damaged pickle ends in is decided by the byte that is wrong.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(f"{path}: cut short or damaged ({reason}); copy it again") from None


def _read_zip(archive: zipfile.ZipFile, path: Path) -> tuple[Any, Mapping[str, bytes]]:
    name = _pickle_in(archive)
    if name is None:
        raise CheckpointError(f"{path}: a zip archive that PyTorch did not save")
    folder = name.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist():
        order = archive.read(f"{folder}byteorder")
        if order != b"little":
            raise CheckpointError(f"{path}: its numbers are {order!r}-endian; save it again")
    with archive.open(name) as stream:
        reader = _Tensors(stream, path)
        content = reader.load()
    return content, {key: archive.read(f"{folder}data/{key}") for key in reader.dtypes}


def _pickle_in(archive: zipfile.ZipFile) -> str | None:
    names = [n for n in archive.namelist() if n == "data.pkl" or n.endswith("/data.pkl")]
    return names[0] if len(names) == 1 else None


def _begins_old(stream: IO[bytes]) -> bool:
    try:
        return bool(_Nothing(stream).load() == _MAGIC)
    except Exception:
        return False


def _read_old(stream: IO[bytes], path: Path) -> tuple[Any, Mapping[str, bytes]]:
    if not _begins_old(stream):
        raise CheckpointError(f"{path}: no file that PyTorch saved, or of before PyTorch 0.2")
    if _Nothing(stream).load() != _PROTOCOL:
        raise CheckpointError(f"{path}: of a form that PyTorch no longer reads either")
    machine = _Nothing(stream).load()
    if not machine.get("little_endian", True):
        raise CheckpointError(f"{path}: its numbers are big-endian; save it again")
    reader = _Tensors(stream, path)
    content = reader.load()
    stored = {}
    for key in _Nothing(stream).load():
        count = int.from_bytes(stream.read(8), "little", signed=True)
        size = count * np.dtype(reader.dtypes[key]).itemsize
        stored[key] = stream.read(size)
        if count < 0 or len(stored[key]) != size:
            raise EOFError(f"the numbers of storage {key} end too soon")
    return content, stored


class _Nothing(pickle.Unpickler):
    """Numbers, strings and their lists and mappings."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="utf-8")

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"names {module}.{name}")


class _Tensors(pickle.Unpickler):
    """Mappings of tensors."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        super().__init__(stream, encoding="utf-8")
        self._path = path
        self.dtypes: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _view
        if module == "torch._utils" and name == "_rebuild_parameter":
            return _same
        raise CheckpointError(
            f"{self._path}: holds {f'{module}.{name}'!r}, which is no tensor, and is not run; "
            "save the model's state_dict() alone"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, _, *view = pid
        if kind != "storage" or dtype not in _DTYPES.values():
            raise pickle.UnpicklingError(f"refers to {kind}")
        self.dtypes[key] = dtype
        first = view[0][1] if view and view[0] is not None else 0
        return _Storage(key, dtype, first)


def _view(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


def _same(tensor: _View, *_: Any) -> _View:
    return tensor


def _tensors(content: Any, before: str = "") -> list[tuple[str, _View]]:
    """Return the tensors of a mapping and of those in it; what else is there is left out."""
    if not isinstance(content, Mapping):
        raise ValueError(f"holds {type(content).__name__} where a mapping of tensors was expected")
    found = []
    for name, value in content.items():
        if isinstance(value, _View):
            found.append((f"{before}{name}", value))
        elif isinstance(value, Mapping):
            found += _tensors(value, f"{before}{name}.")
    return found


def _numbers(view: _View, stored: Mapping[str, bytes]) -> Numbers:
    flat = np.frombuffer(stored[view.storage.key], view.storage.dtype)
    first = view.storage.first + view.offset
    steps = [(n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True)]
    if first < 0 or min((*view.shape, *view.strides, 0)) < 0:
        raise ValueError("a tensor begins before its numbers")
    if 0 in view.shape:
        return np.zeros(view.shape, flat.dtype)
    if first + sum(steps) >= len(flat):
        raise ValueError("a tensor ends behind its numbers")
    strides = [stride * flat.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(flat[first:], view.shape, strides).copy()
