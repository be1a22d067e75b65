"""Credits as JSON, for programs: what is credited, and when it is audible."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sequencer.clips.clips import trained_on_to_json
from sequencer.credits.aligned import Span, aligned, author_of
from sequencer.credits.credits import NO_ENDORSEMENT, Credit, result_licences, sources
from sequencer.credits.trained import Group, Training, title_of_row, trainings
from sequencer.rights.licence_names import Licence, licences_of
from sequencer.rights.sources_csv import SourceRow
from sequencer.score.score import Score
from sequencer.text import flattened

SCHEMA = "sequencer-credits"
VERSION = 1


def credits_json(score: Score) -> str:
    """Write credits as JSON: the same score gives the same text.

    ``recordings`` holds each source; ``spans`` says what is audible when: from ``start`` to ``end``
    (seconds) the clip of ``file``, and of each recording its weights as points ``[second, weight]``
    with straight lines between them. Where a model generated clips, ``corpora`` holds what it was
    trained on, once, and spans name it by its digest. Each stands on a line of its own.
    """
    rate = score.sample_rate
    head = {
        "schema": SCHEMA,
        "version": VERSION,
        "seed": score.seed,
        "seconds": round(score.seconds, 7),
        "licence": score.licence or None,
        "licences": [_licence(licence) for licence in result_licences(score)],
        "endorsement": NO_ENDORSEMENT,
    }
    parts = [f" {_dumps(name)}: {_dumps(value)}" for name, value in head.items()]
    parts.append(f' "recordings": {_lines(map(_recording, sources(score)))}')
    corpora = [_corpus(training) for training in trainings(score)]
    if corpora:
        parts.append(' "corpora": [\n' + ",\n".join(corpora) + "\n ]")
    parts.append(f' "spans": {_lines(_span(span, rate) for span in aligned(score))}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _corpus(training: Training) -> str:
    head = {
        "digest": training.corpus.digest,
        "models": training.models,
        "clips": training.clips,
        "seconds": round(training.seconds, 3),
    }
    parts = [f"{_dumps(name)}: {_dumps(value)}" for name, value in head.items()]
    rows = (_row(row, group) for group in training.groups for row in group.recordings)
    return f'  {{{", ".join(parts)}, "recordings": {_lines(rows)}}}'


def _row(row: SourceRow, group: Group) -> dict[str, object]:
    rights = row.rights
    return {
        "file_id": row.file,
        "title": title_of_row(row),
        "author": author_of(rights) if rights.author else None,
        "page_url": flattened(rights.page_url) or None,
        "licence": group.licence,
        "known": group.known,
        "licences": [_licence(licence) for licence in licences_of(rights)],
        "used_under": group.used_under or None,
        "attribution": flattened(rights.attribution) or None,
        "trained_seconds": round(row.seconds, 3),
    }


def _recording(source: Credit) -> dict[str, object]:
    rights = source.rights
    return {
        "file_id": source.file_id,
        "title": source.title,
        "author": author_of(rights) if rights.author else None,
        "page_url": flattened(rights.page_url) or None,
        "licence": rights.licence,
        "known": rights.known,
        "licences": [_licence(licence) for licence in licences_of(rights)],
        "used_under": source.used_under or None,
        "attribution": flattened(rights.attribution) or None,
        "changes": source.changes,
        "seconds": round(source.seconds, 3),
    }


def _licence(licence: Licence) -> dict[str, str | None]:
    return {"id": licence.id, "name": licence.name, "url": licence.url or None}


def _span(span: Span, rate: int) -> dict[str, object]:
    return {
        "start": round(span.start / rate, 7),
        "end": round(span.end / rate, 7),
        "layer": span.event.layer,
        "clip": span.clip.clip_id,
        "file": span.clip.file,
        "offset": round(span.event.offset / rate, 7),
        **trained_on_to_json(span.clip),
        "recordings": [
            {
                "file_id": part.parent.file_id,
                "weights": [[round(at / rate, 3), weight] for at, weight in part.weights],
            }
            for part in span.audible
        ],
    }


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(values: Iterable[object]) -> str:
    return "[\n" + ",\n".join(f"  {_dumps(value)}" for value in values) + "\n ]"
