"""Encodings as files: one array a recording, with titles and rights beside, to work on in NumPy."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.parquet import parquet_file
from hdfs_jobs.datasets.plan import RowRange
from hdfs_jobs.datasets.store import MARKER, Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Catalog, Recording, Recordings
from nsynth_batch.settings.choices import ArrayForm
from nsynth_batch.store.arrays import matrices, matrix_column
from nsynth_batch.store.clip_names import slug
from nsynth_batch.store.layout import upstream_of
from nsynth_batch.text import command_line
from sequencer.files import write_output
from sequencer.pictures.channels import channels
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SOURCES_NAME, SourceRow, read_sources, sources_text

Array = npt.NDArray[np.float32]

ABOUT = "encodings.json"
"""The file beside arrays that names the model they are of."""

_DIGITS = 8
_SUFFIXES = (".npy", ".npz", ".parquet")


@dataclass(frozen=True)
class NamedEncoding:
    """An encoding and where it comes from.

    Attributes
    ----------
    name : str
        Of its file, or of the array in its file.
    encoding : float32 [frames, width]
    rights : Rights
        Of its recording.
    """

    name: str
    encoding: Array
    rights: Rights


@dataclass(frozen=True)
class ExportedEncodings:
    """What an export did.

    Attributes
    ----------
    recordings
        Arrays in the folder.
    written
        Those that were not there before.
    frames
        Of all.
    """

    recordings: int
    written: int
    frames: int


def export_encodings(store: Store, folder: Path, form: ArrayForm) -> ExportedEncodings:
    """Write a store's current encodings, the segments of each recording joined.

    A file that is there already is left as it is: it may have been worked on.

    Parameters
    ----------
    store : Store
    folder : Path
        Made if it does not exist.
    form : {"npy", "npz", "parquet"}
        A file a recording, or one file of all.

    Raises
    ------
    UsageError
        If the store has no encodings, or the folder is a file, a store or holds other files.
    """
    dataset = store.current_of("encodings")
    if dataset is None or not dataset.committed():
        raise UsageError(
            f"{store.url} has no encodings yet: run {command_line('encode', store.url)} first"
        )
    _require_own(folder)
    folder.mkdir(parents=True, exist_ok=True)
    audio = upstream_of(store, dataset, "audio").settings
    about = {
        **{name: dataset.settings[name] for name in ("checkpoint", "hop")},
        "sample_rate": audio["sample_rate"],
    }
    write_output(folder / ABOUT, json.dumps(about, indent=1) + "\n")
    named = dict(_recordings_of(dataset, Catalog(store.storage).recordings()))
    suffix = ".npy" if form == "npy" else ""
    rows = (
        SourceRow(name + suffix, row.rights(), row.categories) for name, (row, _) in named.items()
    )
    write_output(folder / SOURCES_NAME, sources_text(rows))
    encodings = ((name, _joined(dataset, places)) for name, (_, places) in named.items())
    if form == "npy":
        return _write_each(folder, encodings)
    every = dict(encodings)
    frames = sum(map(len, every.values()))
    path = folder / f"encodings.{form}"
    if path.exists():
        return ExportedEncodings(len(every), 0, frames)
    write_output(path, _npz(every) if form == "npz" else _parquet(every))
    return ExportedEncodings(len(every), len(every), frames)


def draw_encodings(folder: Path) -> int:
    """Draw the arrays of a folder as they are now, each as a PNG beside; return how many.

    Parameters
    ----------
    folder : Path
        As `export_encodings` left it, arrays worked on or not.

    Raises
    ------
    UsageError
        As `read_encodings`.
    SequencerError
        When matplotlib is not installed.
    """
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    seconds = about["hop"] / about["sample_rate"]
    arrays = read_encodings(folder, None)
    for each in arrays:
        title = each.rights.title or each.name
        write_output(folder / f"{each.name}.png", channels([(title, each.encoding)], seconds))
    return len(arrays)


def read_encodings(folder: Path, width: int | None) -> list[NamedEncoding]:
    """Read arrays of a folder: what `export_encodings` wrote, edited or not, or magenta's files.

    Parameters
    ----------
    folder : Path
    width : int or None
        Of the model's encodings; None takes any.

    Returns
    -------
    list of NamedEncoding
        By name.

    Raises
    ------
    UsageError
        If there is none, or one is no encoding: of another width, empty, not finite, or no array;
        or if there is a table of rights that cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; --from is a folder of encodings")
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    table = folder / SOURCES_NAME
    rows = _rows_in(table) if os.path.lexists(table) else {}
    found: dict[str, NamedEncoding] = {}
    for path in files:
        for name, array in _arrays_in(path):
            if name in found:
                raise UsageError(f"{path}: another file holds {name!r} too; keep one of them")
            row = rows.get(f"{name}.npy") or rows.get(name)
            rights = Rights() if row is None else row.rights
            rights = rights if rights.title else replace(rights, title=name)
            found[name] = NamedEncoding(name, _checked(path, name, array, width), rights)
    if not found:
        raise UsageError(f"{folder} holds no encodings (.npy, .npz or .parquet)")
    return [found[name] for name in sorted(found)]


def checkpoint_of(folder: Path) -> str | None:
    """Return the digest of the model that encodings of a folder are of; None if it is not known."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    digest = about.get("checkpoint") if isinstance(about, dict) else None
    return digest if isinstance(digest, str) else None


def _rows_in(table: Path) -> Mapping[str, SourceRow]:
    try:
        return read_sources(table, strict=False)
    except OSError as error:
        raise UsageError(
            f"{table} cannot be read ({error.strerror}): without it the rights of the encodings "
            "are not known; let this user read it, or move it away"
        ) from error


def _require_own(folder: Path) -> None:
    if folder.is_file() or (folder / MARKER).exists():
        kind = "file" if folder.is_file() else "store"
        raise UsageError(f"{folder} is a {kind}: give encodings a folder of their own with --to")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ABOUT).is_file():
        raise UsageError(f"{folder} holds other files: give encodings a folder of their own")


_Places = list[tuple[int, RowRange]]


def _recordings_of(
    dataset: Dataset, recordings: Recordings
) -> Iterator[tuple[str, tuple[Recording, _Places]]]:
    """Yield name, recording and the places of its segments, in the order of names."""
    places: dict[str, _Places] = {}
    for shard, table in dataset.tables(["file_id", "segment"]):
        for at, row in enumerate(table.to_pylist()):
            part = row["segment"], RowRange(shard, at, at + 1)
            places.setdefault(row["file_id"], []).append(part)
    named = {}
    for file_id, parts in places.items():
        row = recordings.get(file_id)
        if row is None or row.deleted or file_id in recordings.forgotten:
            continue
        named[f"{slug(row.title)}-{file_id[:_DIGITS]}"] = row, sorted(parts, key=lambda p: p[0])
    yield from sorted(named.items())


def _joined(dataset: Dataset, places: _Places) -> Array:
    table = dataset.read_rows([place for _, place in places], ["encoding"])
    return np.concatenate(list(matrices(table.column("encoding"))))


def _write_each(folder: Path, encodings: Iterator[tuple[str, Array]]) -> ExportedEncodings:
    count = written = frames = 0
    for name, encoding in encodings:
        path = folder / f"{name}.npy"
        count, frames = count + 1, frames + len(encoding)
        if not path.exists():
            write_output(path, _npy(encoding))
            written += 1
    return ExportedEncodings(count, written, frames)


def _npy(encoding: Array) -> bytes:
    out = io.BytesIO()
    np.save(out, encoding, allow_pickle=False)
    return out.getvalue()


def _npz(every: Mapping[str, Array]) -> bytes:
    out = io.BytesIO()
    arrays: dict[str, Any] = dict(every)
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _parquet(every: Mapping[str, Array]) -> bytes:
    columns = {
        "name": pa.array(list(every), pa.string()),
        "frames": pa.array([len(array) for array in every.values()], pa.int32()),
        "encoding": matrix_column(list(every.values())),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def _arrays_in(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        if path.suffix == ".parquet":
            with parquet_file(path) as file:
                table = file.read(columns=["name", "encoding"], use_threads=False)
            yield from zip(table.column("name").to_pylist(), table.column("encoding"), strict=True)
        elif path.suffix == ".npy":
            yield path.stem, np.load(path, allow_pickle=False)
        else:
            with np.load(path, allow_pickle=False) as arrays:
                yield from arrays.items()
    except (ValueError, OSError, EOFError, KeyError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as encodings: {error}") from error


def _checked(path: Path, name: str, array: Any, width: int | None) -> Array:
    where = path if path.stem == name else f"{path}, {name}"
    wanted = "width" if width is None else str(width)
    if isinstance(array, pa.ListScalar):
        rows = array.as_py() or []
        if len({len(row or ()) for row in rows}) > 1:
            raise UsageError(f"{where}: its frames have different widths; {wanted} are wanted")
        array = np.array(rows, np.float32).reshape(len(rows), -1 if rows else width or 1)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    fits = array.ndim == 2 and array.shape[1] and width in (None, array.shape[1])
    if array.dtype.kind not in "fiu" or not fits:
        raise UsageError(
            f"{where}: [frames, {wanted}] numbers are wanted, not {array.dtype} of shape "
            f"{array.shape}"
        )
    if not len(array):
        raise UsageError(f"{where}: there is no frame in it")
    if not np.isfinite(array).all():
        raise UsageError(f"{where}: it holds values that are not finite")
    return np.ascontiguousarray(array, np.float32)
