"""OpenTimelineIO: a track a layer, joins as transitions, sections as markers.

Clips on a track of OpenTimelineIO follow each other: a join is a cut in its middle with a
transition around it. Events of a layer that overlap without being joined go onto further tracks
of that layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from sequencer.clips.clips import Clip, trained_on_to_json
from sequencer.credits.aligned import author_of, generated_words, parents_of, title_of
from sequencer.credits.captions import section_ends
from sequencer.exports.media import Media, clip_name
from sequencer.optional import extra
from sequencer.rendering.joins import are_joined
from sequencer.score.score import Event, Score
from sequencer.text import flattened


def otio_text(score: Score, media: Media) -> str:
    """Write a score as an ``.otio`` timeline; times are samples at the score's rate.

    What OpenTimelineIO has no word for (gain, pan, why, rights) stands in the metadata, under
    ``sequencer``.

    Raises
    ------
    SequencerError
        When OpenTimelineIO is not installed.
    """
    return _Writer(extra("opentimelineio", "opentimelineio"), score, media).text()


class _Writer:
    def __init__(self, otio: Any, score: Score, media: Media) -> None:
        self._schema = otio.schema
        self._time = otio.opentime.RationalTime
        self._span = otio.opentime.TimeRange
        self._score = score
        self._media = media

    def text(self) -> str:
        score = self._score
        timeline = self._schema.Timeline(f"composition, seed {score.seed}")
        timeline.metadata["sequencer"] = {
            "seed": score.seed,
            "seconds": score.seconds,
            "fade_law": score.fade_law,
            "licence": score.licence,
            "master_gain_db": score.master.gain_db,
        }
        for layer in score.layers:
            events = [event for event in score.events if event.layer == layer.name]
            for number, lane in enumerate(self._lanes(events), 1):
                name = layer.name if number == 1 else f"{layer.name} {number}"
                track = self._schema.Track(name, kind=self._schema.TrackKind.Audio)
                track.metadata["sequencer"] = {"layer": layer.name, "gain_db": layer.gain_db}
                track.extend(self._items(lane))
                timeline.tracks.append(track)
        for section, end in section_ends(score):
            marker = self._schema.Marker(
                flattened(section.name), self._range(section.start, end - section.start)
            )
            marker.metadata["sequencer"] = {"why": flattened(section.why)}
            timeline.tracks.markers.append(marker)
        text: str = timeline.to_json_string()
        return text + "\n"

    def _lanes(self, events: Iterable[Event]) -> list[list[Event]]:
        lanes: list[list[Event]] = []
        for event in events:
            for lane in lanes:
                if lane[-1].end <= event.start or self._joined(lane[-1], event):
                    lane.append(event)
                    break
            else:
                lanes.append([event])
        return lanes

    def _joined(self, before: Event, after: Event) -> bool:
        # A join that the composition's end cuts off is none.
        return are_joined(before, after) and after.start + after.fade_in < self._score.samples

    def _items(self, lane: list[Event]) -> list[Any]:
        items: list[Any] = []
        at = 0
        for number, event in enumerate(lane):
            joined_before = number > 0 and self._joined(lane[number - 1], event)
            joined_after = number + 1 < len(lane) and self._joined(event, lane[number + 1])
            # How much of the event lies beyond the cuts of its joins.
            head = tail = 0
            if joined_before:
                head = event.fade_in // 2
                items.append(self._transition("join", head, event.fade_in - head))
            elif event.start > at:
                items.append(self._schema.Gap("", self._range(0, event.start - at)))
            if event.fade_in and not joined_before:
                items.append(self._transition("fade in", 0, event.fade_in))
            end = min(event.end, self._score.samples)
            if joined_after:
                tail = event.fade_out - event.fade_out // 2
            items.append(self._clip(event, head, end - event.start - head - tail))
            if event.fade_out and not joined_after and end == event.end:
                items.append(self._transition("fade out", event.fade_out, 0))
            at = end - tail
        return items

    def _clip(self, event: Event, head: int, length: int) -> Any:
        score = self._score
        clip = score.clips[event.clip]
        reference = self._schema.ExternalReference(
            quote(self._media.path(clip)), self._range(0, round(clip.seconds * score.sample_rate))
        )
        item = self._schema.Clip(
            clip_name(clip), reference, self._range(event.offset + head, length)
        )
        item.metadata["sequencer"] = {
            "clip": clip.clip_id,
            "gain_db": event.gain_db,
            "pan": event.pan,
            "fade_in": event.fade_in / score.sample_rate,
            "fade_out": event.fade_out / score.sample_rate,
            "why": event.why,
            "recordings": [
                {
                    "title": title_of(parent),
                    "author": author_of(parent.rights),
                    "licence": parent.rights.licence,
                    "page_url": flattened(parent.rights.page_url),
                }
                for parent in parents_of(clip)
            ],
            **_generated(clip),
        }
        return item

    def _transition(self, name: str, before: int, after: int) -> Any:
        rate = self._score.sample_rate
        return self._schema.Transition(
            name,
            self._schema.TransitionTypes.SMPTE_Dissolve,
            self._time(before, rate),
            self._time(after, rate),
        )

    def _range(self, start: int, length: int) -> Any:
        rate = self._score.sample_rate
        return self._span(self._time(start, rate), self._time(length, rate))


def _generated(clip: Clip) -> dict[str, str]:
    """Return which model generated a clip, and that model's corpus; nothing of other clips."""
    if clip.trained_on is None:
        return {}
    return {"generated": generated_words(clip), **trained_on_to_json(clip)}
