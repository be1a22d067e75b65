"""`sequencer credits`: who plays, in every form, or at one second."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sequencer.commands.options import SCORES, Force, Verbose

if TYPE_CHECKING:
    from sequencer.credits.aligned import Moment
    from sequencer.score.score import Score

Form = Literal["text", "html", "json", "vtt", "labels"]
_BY_SUFFIX: dict[str, Form] = {".html": "html", ".htm": "html", ".json": "json", ".vtt": "vtt"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("credits", rich_help_panel=SCORES)(credits_command)


def credits_command(
    score: Annotated[Path, typer.Argument(help="A score.", metavar="SCORE")],
    form: Annotated[
        Form | None,
        typer.Option("--format", help="What to write.  [default: by the name of FILE, else text]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write.  [default: standard output]"),
    ] = None,
    at: Annotated[
        float | None,
        typer.Option("--at", help="Print instead what plays at this second.", metavar="SECONDS"),
    ] = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Write the credits of a composition, from its score alone.

    text and html are for people, json for programs; vtt (for players) and labels (for Audacity)
    give when each recording plays.

    Example: sequencer credits piece.score.json --at 83.5
    """
    from sequencer.credits.aligned import audible_at
    from sequencer.errors import SequencerError
    from sequencer.rendering.output_paths import write_form
    from sequencer.score.files import read_score

    if at is not None and (form is not None or out is not None):
        raise SequencerError("--at answers on standard output; leave --format and --out away")
    composition = read_score(score)
    if at is not None:
        moments = audible_at(composition, at)
        print("\n".join(map(_moment, moments)) if moments else "nothing plays then")
        return
    chosen = form or (_BY_SUFFIX.get(out.suffix.lower(), "text") if out else "text")
    text = _written(composition, chosen)
    if out is None:
        print(text, end="")
        return
    write_form(out, text, chosen, score=score, replace=force)
    print(f"{out}: credits ({chosen})")


def _written(score: Score, form: Form) -> str:
    if form == "html":
        from sequencer.credits.as_html import credits_html

        return credits_html(score)
    if form == "json":
        from sequencer.credits.as_json import credits_json

        return credits_json(score)
    from sequencer.credits.captions import label_track, webvtt
    from sequencer.credits.credits import credits_text

    return {"vtt": webvtt, "labels": label_track, "text": credits_text}[form](score)


def _moment(moment: Moment) -> str:
    from sequencer.clips.weight_points import percentages
    from sequencer.credits.aligned import author_of, generated_words, layer_words, title_of
    from sequencer.text import flattened

    span = moment.span
    clip = f"clip {flattened(span.clip.clip_id)} ({span.clip.title})"
    lines = [f"{clip} in {layer_words(span.event.layer)}, {moment.seconds_in:.3f} s into it"]
    shares = percentages([weight for _, weight in moment.weights], 1)
    for (parent, _), share in zip(moment.weights, shares, strict=True):
        rights = parent.rights
        page = f", {flattened(rights.page_url)}" if rights.page_url else ""
        lines.append(
            f'  {share:5.1f}%  "{title_of(parent)}" by {author_of(rights)} ({rights.licence}){page}'
        )
    if made := generated_words(span.clip):
        lines.append(f"  {made}")
    return "\n".join(lines)
