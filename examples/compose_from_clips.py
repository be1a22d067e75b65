"""Compose a piece from a folder of clips, and see who is heard in it.

Usage: python examples/compose_from_clips.py CLIPS OUT.wav MINUTES

CLIPS is a folder that `nsynth-batch clips --to` wrote, or any folder of sound files; a
`sources.csv` beside them gives authors and licences.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from sequencer.composing.rules import Rules
from sequencer.composing.styles import PRESETS
from sequencer.credits.aligned import audible_at, author_of
from sequencer.credits.as_html import credits_html
from sequencer.credits.credits import result_licences, sources
from sequencer.piece import make_piece
from sequencer.rendering.output_paths import Writing
from sequencer.scripts import run_script


def main(clips: str, out: str, minutes: str) -> int:
    """Write the sound, its score and its credits; print what a person wants to know."""
    # A preset of `compose --style`, with one setting of our own.
    style = replace(PRESETS["collage"], density=0.9)
    piece = make_piece(
        clips,
        out,
        minutes=float(minutes),
        seed=7,  # Another seed, another piece; the same seed gives the same bytes.
        rules=Rules(style=style, style_name="collage"),
        writing=Writing(sample_rate=44_100, title="Collage"),
    )
    for warning in piece.warnings:
        print(f"warning: {warning}")

    # The score alone knows who is heard: it can be kept, edited, credited and rendered again.
    score = piece.score
    for credit in sources(score):
        print(f'"{credit.title}" by {author_of(credit.rights)}, {credit.rights.licence}')
    for moment in audible_at(score, score.seconds / 2):
        print(f"in the middle: {moment.seconds_in:.1f} s into clip {moment.span.clip.clip_id}")
    licences = " or ".join(licence.id for licence in result_licences(score)) or "not known"
    print(f"the piece's own licence: {licences}")

    page = Path(out).with_suffix(".credits.html")
    page.write_text(credits_html(score), encoding="utf-8")
    print(f"{piece.out}, {piece.score_path}, {piece.credits_path}, {page}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, sys.argv[1:]))
