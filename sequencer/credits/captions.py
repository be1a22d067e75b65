"""Credits as captions: WebVTT for players, label tracks for Audacity."""

from __future__ import annotations

from collections.abc import Iterator

from sequencer.clips.weight_points import percentages
from sequencer.credits.aligned import (
    AudibleRecording,
    Span,
    aligned,
    author_of,
    generated_words,
    is_prime,
    title_of,
)
from sequencer.score.score import Score, Section
from sequencer.text import flattened

_HOUR_MS = 3_600_000


def webvtt(score: Score) -> str:
    """Write a cue for each span: its recordings and their share at both ends, or its model.

    Titles and names cannot end a cue or bring markup: line breaks become spaces, and ``<``, ``>``
    and ``&`` are written as WebVTT asks.
    """
    rate = score.sample_rate
    blocks = ["WEBVTT"]
    for number, span in enumerate(aligned(score), 1):
        start = round(span.start * 1000 / rate)
        end = max(start + 1, round(span.end * 1000 / rate))
        lines = [str(number), f"{_stamp(start)} --> {_stamp(end)}"]
        lines += [_vtt_escaped(line) for line in _lines(span)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def label_track(score: Score) -> str:
    r"""Write labels as Audacity imports them: start, end and text, with tabs between.

    The sections come first, then a label for each span.
    """
    rate = score.sample_rate
    labels = [(section.start, end, section_words(section)) for section, end in section_ends(score)]
    labels += [(span.start, span.end, span_words(span)) for span in aligned(score)]
    return "".join(f"{start / rate:.6f}\t{end / rate:.6f}\t{text}\n" for start, end, text in labels)


def section_ends(score: Score) -> list[tuple[Section, int]]:
    """Return each section with the sample at which it ends."""
    starts = [section.start for section in score.sections]
    return list(zip(score.sections, [*starts[1:], score.samples], strict=True))


def section_words(section: Section) -> str:
    """Name a section on one line."""
    return f"section: {flattened(section.name)}"


def span_words(span: Span) -> str:
    """Write on one line what a span is made of."""
    return f"{flattened(span.clip.clip_id)}: {' + '.join(_lines(span))}"


def _lines(span: Span) -> list[str]:
    """List what is audible in a span; of a corpus only how many recordings it has."""
    made = generated_words(span.clip)
    parts = map(_begun, span.audible) if is_prime(span.clip) else _shared(span)
    return [*parts, *([made] if made else [])]


def _begun(part: AudibleRecording) -> str:
    return f"begun from {_named(part)}"


def _shared(span: Span) -> Iterator[str]:
    ends = [percentages([part.weights[end][1] for part in span.audible]) for end in (0, -1)]
    for part, first, last in zip(span.audible, *ends, strict=True):
        share = f"{first:.0f}%" if first == last else f"{first:.0f}% to {last:.0f}%"
        yield f"{_named(part)}, {share}"


def _named(part: AudibleRecording) -> str:
    rights = part.parent.rights
    licence = rights.licence if rights.known else f"licence unknown, {rights.licence}"
    return f'"{title_of(part.parent)}" by {author_of(rights)} ({licence})'


def _stamp(milliseconds: int) -> str:
    hours, rest = divmod(milliseconds, _HOUR_MS)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def _vtt_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
