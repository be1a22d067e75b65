"""The pages of an Ogg file (RFC 3533): libsndfile draws its serial number from the clock."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

_HEADER = 27
_SERIAL_AT, _CRC_AT = 14, 22
# Ogg's CRC takes bits from the highest on, zlib's from the lowest: the polynomial is the same.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def set_serial(stream: BinaryIO, serial: int) -> None:
    """Write another serial number into every page of a file with one logical stream.

    Raises
    ------
    ValueError
        No page begins where one should.
    """
    at = 0
    while True:
        stream.seek(at)
        page = bytearray(stream.read(_HEADER))
        if not page:
            return
        if page[:4] != b"OggS":
            raise ValueError(f"byte {at} of the Ogg file begins no page")
        page += stream.read(page[_HEADER - 1])
        page += stream.read(sum(page[_HEADER:]))
        struct.pack_into("<I", page, _SERIAL_AT, serial)
        struct.pack_into("<I", page, _CRC_AT, 0)
        struct.pack_into("<I", page, _CRC_AT, page_crc(bytes(page)))
        stream.seek(at)
        stream.write(page[:_HEADER])
        at += len(page)


def page_crc(page: bytes) -> int:
    """Return the CRC of a page whose own field is 0: it begins with 0 and ends as it is."""
    found = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(found.to_bytes(4, "little").translate(_REVERSED), "big")
