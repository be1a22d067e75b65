"""Chunks: names with sizes, as RIFF, IFF, Wave64 and CAF files are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sequencer.audio.containers import filler, lengths
from sequencer.audio.containers.lengths import Claim
from sequencer.audio.containers.view import Source
from sequencer.errors import AudioError

_MOST_CHUNKS = 10_000
# Where a length is open, chunks behind the samples are looked for this far from the end.
_TAIL = 1 << 18
_MOST_KEPT = 1 << 20


@dataclass(frozen=True)
class Grammar:
    """How the chunks of a container are written.

    Attributes
    ----------
    container : str
        Its name, for messages.
    head : int
        Bytes of a chunk's name and size.
    parse : callable
        Name and size of the body, from those bytes.
    align : int
        What bodies are padded to a multiple of.
    data : bytes
        The name of the chunk of samples.
    known : frozenset of bytes
        Names of chunks that such files have.
    bits : int
        Width of the size.
    skip : int
        Bytes at the start of the data's body that are no samples.
    kept : frozenset of bytes
        Chunks whose body is kept.
    """

    container: str
    head: int
    parse: Callable[[bytes], tuple[bytes, int]]
    align: int
    data: bytes
    known: frozenset[bytes]
    kept: frozenset[bytes]
    bits: int = 32
    skip: int = 0


@dataclass
class Chunks:
    """What a walk over the chunks found.

    Attributes
    ----------
    kept : dict of bytes to bytes
        The bodies that the grammar keeps.
    data : list of (start, stop)
        Ranges of samples.
    missing : int
        Bytes that the last chunk of samples declares and that are not there.
    end : int
        Where the chunks end.
    notes : list of str
    """

    kept: dict[bytes, bytes] = field(default_factory=dict)
    data: list[tuple[int, int]] = field(default_factory=list)
    missing: int = 0
    end: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outer:
    """What stands around the chunks.

    Attributes
    ----------
    end : int or None
        Where the container declares its end; None where it declares none.
    data_size : callable
        The declared bytes of samples, from the chunk's own size and the chunks before it; None
        where it is unknown.
    byte_rate : callable
        Bytes of samples a second, from the chunks before; 0 where unknown.
    is_sound : callable
        Whether another file begins at a position.
    """

    end: int | None
    data_size: Callable[[int, dict[bytes, bytes]], int | None]
    byte_rate: Callable[[dict[bytes, bytes]], int]
    is_sound: Callable[[int], bool]


def walk(source: Source, at: int, grammar: Grammar, outer: Outer) -> Chunks:
    """Walk over the chunks from `at` on, whatever their order and padding.

    Raises
    ------
    AudioError
        ``truncated``, ``empty``, ``absurd-header`` or ``wrong-length``.
    """
    found = Chunks(end=at)
    for _ in range(_MOST_CHUNKS):
        head = source.read(at, grammar.head)
        if len(head) < grammar.head or (found.data and outer.is_sound(at)):
            break
        name, size = grammar.parse(head)
        body = at + grammar.head
        if name == grammar.data:
            stop = _data_stop(source, body + grammar.skip, size, found, grammar, outer)
            found.data.append((min(body + grammar.skip, stop), stop))
        elif found.data and not _is_chunk(source, at, grammar):
            break
        else:
            stop = _body_stop(source, at, name, size, grammar, found)
            if name in grammar.kept:
                _keep(source, name, body, stop, grammar, found)
        found.end = stop
        at = _next(source, stop, body - grammar.head, grammar)
    if not found.data:
        raise AudioError(
            "truncated",
            f"the file ends after {source.size:,} bytes, inside its {grammar.container} header",
        )
    if len(found.data) > 1:
        found.notes.append(
            f"{len(found.data)} chunks of samples in one {grammar.container} file are joined"
        )
    return found


def require_whole_packet(container: str, found: Chunks, packet: int) -> None:
    """Refuse samples of a codec of packets that end inside of one, before they should.

    Raises
    ------
    AudioError
        ``truncated``, with both numbers.
    """
    size = sum(stop - start for start, stop in found.data)
    if found.missing and packet > 1 and size % packet:
        raise AudioError(
            "truncated",
            f"the {container} header declares {size + found.missing:,} bytes of samples, {size:,} "
            f"came, which end inside a packet of {packet:,}",
        )


def _keep(
    source: Source, name: bytes, body: int, stop: int, grammar: Grammar, found: Chunks
) -> None:
    content = source.read(body, min(stop - body, _MOST_KEPT))
    before = found.kept.setdefault(name, content)
    if before != content:
        raise AudioError(
            "wrong-length",
            f"2 chunks '{_shown(name)}' of the {grammar.container} file contradict each other",
        )


def _body_stop(
    source: Source, at: int, name: bytes, size: int, grammar: Grammar, found: Chunks
) -> int:
    """Return where the body of a chunk ends that is not the samples'."""
    stop = at + grammar.head + size
    if stop <= source.size:
        return stop
    left = source.size - at - grammar.head
    if found.data:
        # The samples are complete: what is cut behind them is none of theirs.
        found.notes.append(
            f"the chunk '{_shown(name)}' behind the samples declares {size:,} bytes, "
            f"{left:,} are there"
        )
        return source.size
    raise AudioError(
        "truncated",
        f"the file ends after {source.size:,} bytes, inside its {grammar.container} header: "
        f"its chunk '{_shown(name)}' declares {size:,} bytes, {left:,} are there",
    )


def _next(source: Source, stop: int, start: int, grammar: Grammar) -> int:
    """Return where the next chunk begins: padded as it should be, or without."""
    padded = start + -(-(stop - start) // grammar.align) * grammar.align
    if padded == stop or _rank(source, padded, grammar) >= _rank(source, stop, grammar):
        return padded
    return stop


def _rank(source: Source, at: int, grammar: Grammar) -> int:
    head = source.read(at, grammar.head)
    if len(head) < grammar.head:
        return 1 if at >= source.size else 0
    name, size = grammar.parse(head)
    if name in grammar.known:
        return 3
    return 2 if _is_name(name) and at + grammar.head + size <= source.size else 0


def _is_name(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in name[:4]) and name[:4].strip() != b""


def _is_chunk(source: Source, at: int, grammar: Grammar) -> bool:
    """Whether a chunk begins here and not a run of samples that looks like one."""
    head = source.read(at, grammar.head)
    if len(head) < grammar.head:
        return False
    name, size = grammar.parse(head)
    stop = at + grammar.head + size
    if name in grammar.known:
        return stop <= source.size or lengths.stands_for_unknown(size, grammar.bits)
    return _is_name(name) and _reaches_end(source, at, grammar)


def _reaches_end(source: Source, at: int, grammar: Grammar) -> bool:
    """Whether a chain of chunks leads from here to the end of the file, or to tags there."""
    for _ in range(_MOST_CHUNKS):
        if at >= source.size:
            return at <= source.size + grammar.align - 1
        head = source.read(at, grammar.head)
        if len(head) < grammar.head:
            return False
        if filler.tag_at(source, at):
            return True
        name, size = grammar.parse(head)
        if not _is_name(name):
            return False
        stop = at + grammar.head + size
        if stop > source.size:
            return False
        at = _next(source, stop, at, grammar)
    return False


def _data_stop(
    source: Source, start: int, size: int, found: Chunks, grammar: Grammar, outer: Outer
) -> int:
    """Return where the samples end that begin at `start`, and note what was not as declared."""
    there = max(0, source.size - start)
    declared = outer.data_size(size, found.kept)
    claim = Claim(grammar.container, declared or 0, outer.byte_rate(found.kept), grammar.bits)
    if declared is None or claim.is_unknown(there):
        stop = _tail(source, start, grammar)
        found.notes.append(lengths.unknown(claim, stop - start))
        return stop
    if declared > there:
        stop = _tail(source, start, grammar) if there else start
        found.notes.append(lengths.too_long(claim, stop - start, source.size))
        found.missing = declared - (stop - start)
        return stop
    if _is_end(source, start + declared, start - grammar.skip - grammar.head, grammar, outer):
        return start + declared
    return _longer(source, start, claim, found, grammar, outer)


def _is_end(source: Source, stop: int, start: int, grammar: Grammar, outer: Outer) -> bool:
    """Whether the samples may end at `stop`, by what stands there."""
    if source.size - stop < grammar.align and not any(source.read(stop, grammar.align)):
        return True
    for at in {stop, start + -(-(stop - start) // grammar.align) * grammar.align}:
        if _is_chunk(source, at, grammar) or filler.tag_at(source, at) or outer.is_sound(at):
            return True
    return False


def _longer(
    source: Source, start: int, claim: Claim, found: Chunks, grammar: Grammar, outer: Outer
) -> int:
    """Return where the samples end that have more behind them than their claim."""
    stop = start + claim.declared
    tail = _tail(source, start, grammar)
    if claim.declared and filler.is_constant(source, stop, tail):
        found.notes.append(
            f"{source.size - stop:,} bytes behind the samples of the {grammar.container} file "
            "repeat one value and are left out"
        )
        return stop
    confirmed = outer.end is not None and abs(outer.end - source.size) <= lengths.SLACK_BYTES
    found.notes.append(lengths.too_short(claim, tail - start, confirmed=confirmed))
    return tail


def _tail(source: Source, start: int, grammar: Grammar) -> int:
    """Return where samples end whose length is not known: before chunks and tags at the end."""
    stop = filler.before_tags(source, start, source.size)
    first = max(start, stop - _TAIL)
    tail = source.read(first, stop - first)
    places = (tail.find(name) for name in grammar.known if name != grammar.data)
    for place in sorted(place for place in places if place >= 0):
        at = first + place
        if _reaches_end(source, at, grammar):
            return at
    return stop


def _shown(name: bytes) -> str:
    return name[:4].decode("ascii", "replace").encode("unicode_escape").decode()
