"""Ogg: pages of one or more streams, chained or multiplexed (RFC 3533)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sequencer.audio.containers import filler
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

_HEADER = 27
_LONGEST = _HEADER + 255 + 255 * 255
_CONTINUED, _FIRST, _LAST = 1, 2, 4
# Ogg's CRC takes bits from the highest on, zlib's from the lowest: the polynomial is the same.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_READ_HERE = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
_READ_ELSEWHERE = (b"Speex   ",)


def page_crc(page: bytes) -> int:
    """Return the CRC of a page whose own field is 0: it begins with 0 and ends as it is."""
    found = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(found.to_bytes(4, "little").translate(_REVERSED), "big")


@dataclass(frozen=True)
class _Page:
    start: int
    stop: int
    flags: int
    serial: int
    number: int
    granule: int
    open_end: bool
    payload: bytes


@dataclass
class _Stream:
    """One logical stream: the ranges of its pages, and how it stands."""

    serial: int
    first: bytes
    ranges: list[tuple[int, int]] = field(default_factory=list)
    number: int = -1
    flags: int = 0
    granule: int = 0
    open_end: bool = False
    pages: int = 0

    @property
    def is_sound(self) -> bool:
        return self.first.startswith(_READ_HERE)

    def add(self, page: _Page) -> None:
        if self.pages and page.number != (self.number + 1) & 0xFFFFFFFF:
            raise AudioError(
                "corrupt",
                f"page {page.number:,} of the Ogg stream follows page {self.number:,} at byte "
                f"{page.start:,}: pages are missing",
            )
        if 0 <= page.granule < self.granule:
            raise AudioError(
                "wrong-length",
                f"page {page.number:,} of the Ogg stream ends at sample {page.granule:,}, and an "
                f"earlier one at {self.granule:,}",
            )
        self.granule = max(self.granule, page.granule)
        self.number, self.flags, self.open_end = page.number, page.flags, page.open_end
        self.pages += 1
        if self.ranges and self.ranges[-1][1] == page.start:
            self.ranges[-1] = self.ranges[-1][0], page.stop
        else:
            self.ranges.append((page.start, page.stop))


def find_ogg(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found | None:
    """Read every page of an Ogg file; None where none of its streams is read by libsndfile.

    Each link of a chain is a part. Of streams side by side the first of sound is read.

    Raises
    ------
    AudioError
        ``truncated`` or ``corrupt``, with the place.
    """
    links: list[dict[int, _Stream]] = []
    end = at
    for page in _pages(source, at, is_sound):
        end = page.stop
        if page.flags & _FIRST:
            begun = bool(links) and any(one.pages > 1 for one in links[-1].values())
            if not links or begun or page.serial in links[-1]:
                links.append({})
            links[-1][page.serial] = _Stream(page.serial, page.payload)
        if not links or page.serial not in links[-1]:
            raise AudioError(
                "corrupt", f"the page at byte {page.start:,} belongs to no stream of the Ogg file"
            )
        links[-1][page.serial].add(page)
    notes: list[str] = []
    parts = [part for link in links if (part := _part(link, source, notes)) is not None]
    if not parts:
        return None
    return Found(tuple(parts), end, tuple(dict.fromkeys(notes)))


def _part(link: dict[int, _Stream], source: Source, notes: list[str]) -> Part | None:
    sounds = [stream for stream in link.values() if stream.is_sound]
    if not sounds:
        return None
    stream = sounds[0]
    if len(link) > 1:
        notes.append(f"of {len(link)} streams side by side the first one of sound is read")
    if stream.open_end:
        raise AudioError(
            "truncated",
            f"the file ends after {source.size:,} bytes, and a packet of the Ogg stream goes on "
            f"behind its last page ({stream.number:,})",
        )
    if not stream.flags & _LAST:
        notes.append(
            f"the last of {stream.pages:,} pages is not marked as the last of its Ogg stream; "
            "all are read"
        )
    return Part(tuple(stream.ranges))


def _pages(source: Source, at: int, is_sound: Callable[[int], bool]) -> Iterator[_Page]:
    while at < source.size:
        head = source.read(at, _LONGEST)
        if size := filler.tag_at(source, at):
            at += size
            continue
        if head[:4] != b"OggS"[: len(head)]:
            if not is_sound(at):
                _require_end(source, at)
            return
        whole = len(head) >= _HEADER and len(head) >= _HEADER + head[26]
        length = _HEADER + head[26] + sum(head[27 : 27 + head[26]]) if whole else 0
        if not whole or length > len(head):
            raise AudioError(
                "truncated", f"the file ends after {source.size:,} bytes, inside an Ogg page"
            )
        page = head[:length]
        crc = int.from_bytes(page[22:26], "little")
        if page_crc(page[:22] + bytes(4) + page[26:]) != crc:
            raise AudioError(
                "corrupt",
                f"the Ogg page at byte {at:,} of {source.size:,} is damaged: its sum is wrong",
            )
        table = page[27 : 27 + page[26]]
        yield _Page(
            at,
            at + length,
            page[5],
            int.from_bytes(page[14:18], "little"),
            int.from_bytes(page[18:22], "little"),
            int.from_bytes(page[6:14], "little", signed=True),
            bool(table) and table[-1] == 255,
            page[27 + page[26] : 27 + page[26] + 8],
        )
        at += length


def _require_end(source: Source, at: int) -> None:
    """Refuse what is no page where more pages come behind it."""
    again = source.find(b"OggS\0", at, source.size)
    if again >= 0:
        raise AudioError(
            "corrupt",
            f"{again - at:,} bytes at byte {at:,} of the Ogg file are no page, and pages follow",
        )
