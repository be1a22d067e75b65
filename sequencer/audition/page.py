"""The page of an audition: one HTML file with its style, script and data inside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from sequencer.audition.listing import Shown, as_data
from sequencer.clips.choices import SCHEMA, VERSION, Choice
from sequencer.pictures.gallery import MOST_SECONDS
from sequencer.templates.pages import page_file, policy_hash, rendered
from sequencer.text import flattened

_SCRIPTS = ("choices", "order", "tiles", "drawing", "player", "map", "hands")


def audition_page(
    name: str,
    shown: Sequence[Shown],
    choices: Mapping[str, Choice],
    *,
    served: bool,
    pictures: Mapping[str, Sequence[str]],
    command: str = "",
) -> str:
    """Write the page.

    Parameters
    ----------
    name : str
        Of the folder.
    shown : sequence of Shown
    choices : mapping of str to str
        Those made before, by clip id.
    served : bool
        Whether choices go back to a server; else the browser keeps them and gives them out as a
        file.
    pictures : mapping of str to sequence of str
        Addresses relative to the page of the pictures of each kind (`KINDS` of
        `sequencer.pictures.gallery`), by clip id; empty for one that is not there.
    command : str
        What composes from the clips that were kept.
    """
    scripts = [page_file(f"audition/{script}.js") for script in _SCRIPTS]
    style = page_file("audition/audition.css")
    ids = "\n".join(each.clip.clip_id for each in shown)
    data = {
        "served": served,
        "schema": SCHEMA,
        "version": VERSION,
        "key": f"{SCHEMA} {hashlib.sha256(ids.encode('utf-8', 'replace')).hexdigest()[:16]}",
        "choices": [[clip_id, choice] for clip_id, choice in choices.items()],
        "picture_seconds": MOST_SECONDS,
        "clips": [
            as_data(each) | {"pictures": list(pictures.get(each.clip.clip_id, ()))}
            for each in shown
        ],
    }
    # From a disk, a page is of no origin that every browser would know as its own.
    place, nowhere = ("'self'" if served else "'self' file:"), "'none'"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(policy_hash, scripts))}",
            f"style-src {policy_hash(style)}",
            f"img-src {place} data:",
            f"media-src {place}",
            f"connect-src {place if served else nowhere}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return rendered(
        "audition/audition.html",
        policy=policy,
        name=flattened(name),
        style=style,
        scripts=scripts,
        data=data,
        served=served,
        command=command,
    )
