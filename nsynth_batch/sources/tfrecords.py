"""TFRecord files and the examples in them, read without TensorFlow.

A record is its length in 8 bytes, a masked CRC-32C of these, the data, and theirs. The data are a
``tf.train.Example`` in protobuf's wire format: features by name, each a list of bytes, float32 or
int64.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

MOST_BYTES = 1 << 30
"""Of a record: a length beyond that is damage."""

Feature = list[bytes] | npt.NDArray[np.float32] | npt.NDArray[np.int64]

_POLYNOMIAL = np.uint32(0x82F63B78)
_LANE = 512
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class DamagedError(ValueError):
    """A file is no TFRecord file, or cut short: no record can be found from here on."""


def records(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield the data of each record; None for one whose data are damaged.

    Parameters
    ----------
    stream : binary stream
        At the beginning of a file.

    Raises
    ------
    DamagedError
        A length is damaged or the file is cut short.
    """
    number = 0
    while head := stream.read(12):
        if len(head) < 12 or _masked(crc32c(head[:8])) != int.from_bytes(head[8:], "little"):
            raise DamagedError(f"record {number:,} has no length that its checksum fits")
        size = int.from_bytes(head[:8], "little")
        if size > MOST_BYTES:
            raise DamagedError(f"record {number:,} claims {size:,} bytes")
        data, end = stream.read(size), stream.read(4)
        if len(data) < size or len(end) < 4:
            raise DamagedError(f"record {number:,} is cut short")
        yield data if _masked(crc32c(data)) == int.from_bytes(end, "little") else None
        number += 1


def example(data: bytes) -> dict[str, Feature]:
    """Return the features of an example by their names.

    Raises
    ------
    ValueError
        It is no example.
    """
    found: dict[str, Feature] = {}
    for features in _messages(data, 1):
        for entry in _messages(features, 1):
            parts = dict(_fields(entry))
            name, feature = parts.get(1), parts.get(2, b"")
            if not isinstance(name, bytes) or not isinstance(feature, bytes):
                raise ValueError("a feature without a name")
            found[name.decode()] = _values(feature)
    return found


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli's, as in RFC 3720) of some bytes.

    Lanes of 512 bytes are gone through side by side: the checksum of a whole is linear in those of
    its parts.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    if len(data) < 4:
        return _crc32c_of_few(data)
    lanes = -(-len(data) // _LANE)
    whole = np.zeros((lanes, _LANE), np.uint8)
    flat = whole.reshape(-1)
    begin = len(flat) - len(data)
    flat[begin:] = np.frombuffer(data, np.uint8)
    # To begin with ones is to turn the first four bytes over; zeros before them change nothing.
    flat[begin : begin + 4] ^= 0xFF
    table, state = _table(), np.zeros(lanes, np.uint32)
    for column in whole.T:
        state = table[(state ^ column) & 0xFF] ^ (state >> 8)
    total = 0
    shifts = _lane_shift()
    for lane in state.tolist():
        moved = 0
        for place, shift in enumerate(shifts):
            moved ^= shift[total >> 8 * place & 0xFF]
        total = moved ^ lane
    return total ^ 0xFFFFFFFF


def _crc32c_of_few(data: bytes) -> int:
    state, table = 0xFFFFFFFF, _table()
    for byte in data:
        state = int(table[(state ^ byte) & 0xFF]) ^ state >> 8
    return state ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1)
    return table


@cache
def _lane_shift() -> list[list[int]]:
    """Return what each byte of a state, lowest first, becomes after a lane of zeros."""
    state, table = np.uint32(1) << np.arange(32, dtype=np.uint32), _table()
    for _ in range(_LANE):
        state = table[state & 0xFF] ^ (state >> 8)
    bits = [int(each) for each in state]
    shifts = []
    for place in range(4):
        row = [0] * 256
        for byte in range(256):
            for bit in range(8):
                row[byte] ^= bits[8 * place + bit] if byte >> bit & 1 else 0
        shifts.append(row)
    return shifts


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message: numbers as numbers, all else as its bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if size < 0 or at + size > len(data):
            raise ValueError("no message in protobuf's wire format")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no message in protobuf's wire format")


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    for number, value in _fields(data):
        if number == wanted and isinstance(value, bytes):
            yield value


def _values(feature: bytes) -> Feature:
    for kind, data in _fields(feature):
        if not isinstance(data, bytes):
            break
        parts = [value for number, value in _fields(data) if number == 1]
        if kind == 1:
            return [part for part in parts if isinstance(part, bytes)]
        whole = b"".join(part for part in parts if isinstance(part, bytes))
        if kind == 2:
            return np.frombuffer(whole, "<f4")
        if kind == 3:
            numbers = [part for part in parts if isinstance(part, int)] or list(_varints(whole))
            return np.array(numbers, np.uint64).astype(np.int64)
    return []


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value
