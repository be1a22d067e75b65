"""The page of a finished piece: one HTML file with its style, script and data inside."""

from __future__ import annotations

from collections.abc import Sequence

from sequencer.credits.aligned import (
    Span,
    aligned,
    author_of,
    generated_words,
    is_prime,
    layer_words,
)
from sequencer.credits.as_html import source_entry
from sequencer.credits.captions import section_ends
from sequencer.credits.credits import NO_LICENCE, result_licences, sources, summary, warning
from sequencer.credits.palette import Palette
from sequencer.credits.trained import trainings
from sequencer.rights.licence_names import licences_of
from sequencer.score.score import Score
from sequencer.templates.pages import page_file, policy_hash, rendered, web_address
from sequencer.text import clock, counted, flattened

_DECIMALS = 3


def player_page(score: Score, name: str, sound: str, downloads: Sequence[tuple[str, str]]) -> str:
    """Write the page; the same score and names give the same text.

    Parameters
    ----------
    score : Score
    name : str
        Of the piece.
    sound : str
        The address of its sound, relative to the page.
    downloads : sequence of (str, str)
        The address and the name of each file that the page gives out.

    Returns
    -------
    str
        HTML that needs no network: titles and names are text, only addresses of the web are links.
    """
    style, script = page_file("player/player.css"), page_file("player/player.js")
    every, trained = sources(score), trainings(score)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {policy_hash(script)}",
            f"style-src {policy_hash(style)}",
            "img-src data:",
            # From a disk, a page is of no origin that every browser would know as its own.
            "media-src 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    facts = [clock(score.seconds), counted(len(score.clips), "clip"), f"seed {score.seed}"]
    return rendered(
        "player/player.html",
        policy=policy,
        style=style,
        script=script,
        name=flattened(name),
        facts=" · ".join([*([score.style] if score.style else []), *facts]),
        sound=sound,
        downloads=[{"address": address, "name": flattened(said)} for address, said in downloads],
        summary=summary(score, every, trained),
        warning=warning(every, trained),
        no_licence=NO_LICENCE,
        result=[
            {"name": licence.name, "url": web_address(licence.url)}
            for licence in result_licences(score)
        ],
        sources=list(map(source_entry, every)),
        data=_data(score),
    )


def _data(score: Score) -> dict[str, object]:
    """Return what the script draws: times in seconds, recordings once each."""
    rate, spans = score.sample_rate, aligned(score)
    palette = Palette(spans)
    recordings: dict[str, dict[str, object]] = {}
    for span in spans:
        for part in span.audible:
            rights = part.parent.rights
            licences = licences_of(rights)
            recordings.setdefault(
                part.parent.file_id,
                {
                    "title": flattened(rights.title) or flattened(part.parent.file_id),
                    "author": author_of(rights),
                    "licence": rights.licence if rights.known else "licence unknown",
                    "known": rights.known,
                    "licence_url": web_address(licences[0].url) if len(licences) == 1 else "",
                    "page": web_address(rights.page_url),
                    "colour": palette.colour(part.parent.file_id),
                },
            )
    numbers = {file_id: number for number, file_id in enumerate(recordings)}
    layers = {layer.name: number for number, layer in enumerate(score.layers)}
    return {
        "seconds": round(score.seconds, _DECIMALS),
        "layers": [layer_words(name) for name in layers],
        "sections": [
            {"name": flattened(section.name), "start": section.start / rate, "end": end / rate}
            for section, end in section_ends(score)
        ],
        "recordings": list(recordings.values()),
        "legend": [{"name": name, "colour": colour} for name, colour in palette.legend()],
        "spans": [
            _span(span, layers[span.event.layer], numbers, rate)
            | {"colour": palette.colour(palette.parts(span)[0].key) if is_prime(span.clip) else ""}
            for span in spans
        ],
    }


def _span(span: Span, layer: int, numbers: dict[str, int], rate: int) -> dict[str, object]:
    """Return an event: where, its fades, and the weights of its recordings as points."""
    event = span.event
    return {
        "start": round(span.start / rate, _DECIMALS),
        "end": round(span.end / rate, _DECIMALS),
        "layer": layer,
        "fade_in": round(event.fade_in / rate, _DECIMALS),
        "fade_out": round(event.fade_out / rate, _DECIMALS),
        "generated": generated_words(span.clip),
        "prime": is_prime(span.clip),
        "parts": [
            {
                "of": numbers[part.parent.file_id],
                "weights": [[round(at / rate, _DECIMALS), weight] for at, weight in part.weights],
            }
            for part in span.audible
        ],
    }
