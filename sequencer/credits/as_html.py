"""Credits as a web page of its own: no script, nothing fetched."""

from __future__ import annotations

from sequencer.credits.aligned import author_of
from sequencer.credits.credits import (
    NO_ENDORSEMENT,
    NO_LICENCE,
    Credit,
    result_licences,
    sources,
    summary,
    warning,
)
from sequencer.credits.trained import Training, title_of_row, trainings
from sequencer.rights.licence_names import Licence, licences_of
from sequencer.score.score import Score
from sequencer.templates.pages import page_file, policy_hash, rendered, web_address
from sequencer.text import clock, flattened


def credits_html(score: Score) -> str:
    """Write the credits as one HTML page: the same score gives the same text.

    Titles and names are escaped, and only addresses of the web become links.
    """
    style = page_file("credits/credits.css")
    every, trained = sources(score), trainings(score)
    return rendered(
        "credits/credits.html",
        style=style,
        style_hash=policy_hash(style),
        summary=summary(score, every, trained),
        no_endorsement=NO_ENDORSEMENT,
        no_licence=NO_LICENCE,
        warning=warning(every, trained),
        expression=score.licence,
        result=list(map(_licence, result_licences(score))),
        sources=list(map(source_entry, every)),
        trainings=list(map(_training, trained)),
    )


def source_entry(source: Credit) -> dict[str, object]:
    """Return what a page shows of a source; only addresses of the web are kept as links."""
    rights = source.rights
    return {
        "title": source.title,
        "author": author_of(rights),
        "page_url": web_address(rights.page_url),
        "known": rights.known,
        "expression": rights.licence,
        "licences": list(map(_licence, licences_of(rights))),
        "used_under": source.used_under,
        "attribution": flattened(rights.attribution),
        "changes": source.changes[:1].upper() + source.changes[1:],
        "audible": clock(source.seconds) if source.seconds >= 1 else f"{source.seconds:.2f} s",
    }


def _training(training: Training) -> dict[str, object]:
    return {
        "words": training.words,
        "groups": [
            {
                "known": group.known,
                "expression": group.licence,
                "licences": list(map(_licence, group.licences)),
                "used_under": group.used_under,
                "recordings": [
                    {
                        "title": title_of_row(row),
                        "author": author_of(row.rights),
                        "page_url": web_address(row.rights.page_url),
                        "attribution": flattened(row.rights.attribution),
                    }
                    for row in group.recordings
                ],
            }
            for group in training.groups
        ],
    }


def _licence(licence: Licence) -> Licence:
    return Licence(licence.id, licence.name, web_address(licence.url))
