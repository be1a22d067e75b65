"""What a model was trained on: the recordings behind every clip that it generated, listed once.

A clip names the list by its digest. The list stands beside clips.jsonl as ``DIGEST.sources.csv``,
and in a score once, however many of its clips name it.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sequencer.errors import SequencerError
from sequencer.files import naming
from sequencer.json_fields import Fields
from sequencer.rights.rights import Rights, SharedRights
from sequencer.rights.sources_csv import SourceRow, read_sources, sources_text

CORPUS_SUFFIX = ".sources.csv"
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Corpus:
    """The recordings that a model was trained on.

    Attributes
    ----------
    digest : str
        SHA-256 of the list as `text` writes it, 64 hexadecimal digits.
    recordings : tuple of SourceRow
        In order of their ``file``, which is the SHA-1 of the recording's content, or a path where
        only a folder is known; ``seconds`` is how much of each was trained on.

    Examples
    --------
    >>> wind = SourceRow("wind.wav", Rights("Wind", "Ann", "CC-BY-4.0"), seconds=12.5)
    >>> rain = SourceRow("rain.wav", Rights("Rain", "Bob", "CC0-1.0"), seconds=30.0)
    >>> corpus = Corpus.of([wind, rain])
    >>> corpus.digest[:8], corpus.seconds, [rights.licence for rights in corpus.rights]
    ('e6804a15', 42.5, ['CC0-1.0', 'CC-BY-4.0'])
    """

    digest: str
    recordings: tuple[SourceRow, ...]

    @classmethod
    def of(cls, rows: Iterable[SourceRow]) -> Corpus:
        """Make a corpus of its recordings, in any order.

        Raises
        ------
        SequencerError
            No recording, two with one ``file``, or a licence that is no SPDX expression.
        """
        text = sources_text(sorted(rows, key=lambda row: row.file))
        read = read_sources(io.StringIO(text), "the corpus", strict=False)
        if not read:
            raise SequencerError("a corpus needs at least one recording")
        recordings = tuple(read.values())
        return cls(_digest_of(sources_text(recordings).encode()), recordings)

    @property
    def text(self) -> str:
        """The list as a sources.csv."""
        return sources_text(self.recordings)

    @property
    def seconds(self) -> float:
        """How much sound the model was trained on."""
        return sum(row.seconds for row in self.recordings)

    @functools.cached_property
    def rights(self) -> tuple[SharedRights, ...]:
        """The rights of one recording for each licence: all that a licence solver needs."""
        counts = Counter(row.rights.licence for row in self.recordings)
        first = {row.rights.licence: row.rights for row in reversed(self.recordings)}
        return tuple(
            SharedRights(**first[licence].to_json(), others=number - 1)
            for licence, number in counts.items()
        )

    @functools.cached_property
    def ids(self) -> frozenset[str]:
        """The ``file`` of every recording."""
        return frozenset(row.file for row in self.recordings)

    def recordings_json(self) -> Iterator[dict[str, object]]:
        """Yield the recordings as a score holds them."""
        for row in self.recordings:
            yield {
                "file_id": row.file,
                **row.rights.to_json(),
                "categories": list(row.categories),
                "seconds": row.seconds,
            }

    @classmethod
    def from_json(cls, fields: Fields) -> Corpus:
        """Read a corpus out of a score: its digest and its recordings.

        Raises
        ------
        SequencerError
            Naming the place and the field.
        """
        rows = tuple(
            SourceRow(
                row.text("file_id"),
                Rights.from_json(row),
                row.texts("categories"),
                seconds=row.number("seconds", 0.0, least=0.0),
            )
            for row in fields.objects("recordings")
        )
        if not rows:
            raise SequencerError(f"{fields.where}, field 'recordings': at least one is expected")
        return cls(corpus_digest(fields, "digest"), rows)


def corpus_digest(fields: Fields, name: str) -> str:
    """Read the digest of a corpus.

    Raises
    ------
    SequencerError
        When it is not 64 hexadecimal digits.
    """
    digest = fields.text(name)
    if not _DIGEST.fullmatch(digest):
        raise fields.wrong(name, "64 hexadecimal digits are expected", digest)
    return digest


def corpus_named(fields: Fields, corpora: Mapping[str, Corpus], where: str) -> Corpus | None:
    """Find the corpus that a clip names as ``trained_on``; None where it names none.

    Raises
    ------
    SequencerError
        When it is not among `corpora`; `where` names what holds those.
    """
    if not fields.holds("trained_on"):
        return None
    digest = corpus_digest(fields, "trained_on")
    if digest not in corpora:
        raise fields.wrong("trained_on", f"no corpus of {where} has this digest", digest)
    return corpora[digest]


def read_corpus(folder: str | Path, digest: str) -> Corpus:
    """Read the list that clips of a folder name.

    Raises
    ------
    SequencerError
        When it is missing, is not the list that the digest was taken of, or has a wrong row.
    OSError
        What reading raised.
    """
    path = Path(folder) / f"{digest}{CORPUS_SUFFIX}"
    if not path.is_file():
        raise SequencerError(
            f"{path} is missing: it lists the recordings behind clips; export the clips again"
        )
    with naming(path):
        data = path.read_bytes()
    if _digest_of(data) != digest:
        raise SequencerError(
            f"{path} is not the list that the clips name, since its digest is another; "
            "export the clips again"
        )
    rows = read_sources(io.BytesIO(data), str(path), strict=False)
    return Corpus(digest, tuple(rows.values()))


def _digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
