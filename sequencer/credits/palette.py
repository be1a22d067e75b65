"""A colour for each recording of a piece: one way for its page and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sequencer.credits.aligned import Span, is_prime, model_of, model_words, title_of
from sequencer.text import counted

COLOURS = (
    *("#7cc6fe", "#f7a072", "#9be564", "#e583f5", "#ffd85e"),
    *("#5ee6c5", "#ff7b9c", "#a09cf7", "#c9b79c"),
)
OTHER = "#7d7891"
"""Of the recordings that are audible for less time than those with a colour of their own."""


@dataclass(frozen=True)
class Sounding:
    """What a part of a span is of.

    Attributes
    ----------
    key : str
        The recording's file id, or the name of the model that generated the clip by itself.
    share : float
        Its mean share of the span.
    """

    key: str
    share: float


class Palette:
    """Colours of the recordings that are audible longest; the others share one.

    What a model generated without a mash-up has the model's colour.

    Parameters
    ----------
    spans : sequence of Span
        Of the whole piece.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        audible: dict[str, float] = {}
        self._names: dict[str, str] = {}
        for span in spans:
            for part in self.parts(span):
                seconds = part.share * (span.end - span.start)
                audible[part.key] = audible.get(part.key, 0.0) + seconds
            self._names |= {part.parent.file_id: title_of(part.parent) for part in span.audible}
        longest = sorted(audible, key=lambda key: (-audible[key], key))
        self._colours = dict(zip(longest, COLOURS, strict=False))
        self._others = len(longest) - len(self._colours)

    def parts(self, span: Span) -> list[Sounding]:
        """Return what a span is made of, in the order of its recordings."""
        if is_prime(span.clip):
            return [Sounding(model_words(model_of(span.clip)), 1.0)]
        return [Sounding(part.parent.file_id, part.mean) for part in span.audible]

    def colour(self, key: str) -> str:
        """Return the colour of a recording or model, as ``#rrggbb``."""
        return self._colours.get(key, OTHER)

    def legend(self) -> Iterator[tuple[str, str]]:
        """Yield titles and colours, the longest audible first, then how many share a colour."""
        for key, colour in self._colours.items():
            yield self._names.get(key, key), colour
        if self._others:
            yield counted(self._others, "other"), OTHER
