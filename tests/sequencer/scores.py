"""Scores made by hand, with names that nobody should trust."""

from __future__ import annotations

from sequencer.clips.clips import Clip, Parent
from sequencer.rights.rights import Rights
from sequencer.score.score import Event, Layer, Master, Score, Section

HOSTILE = "</script><img src=x onerror=alert(1)>\n\n9 --> 10 \"$^{`|'\u202e\x1b[31m\ttail"
"""HTML, a script's end, a cue's arrow, line breaks, a turn of direction, control characters."""

WIND = Parent(
    "1" * 40,
    rights=Rights(
        "Wind",
        "Ann",
        "CC-BY-SA-4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "https://example.org/wind",
        "Ann, of the hills",
    ),
    categories=("nature",),
    weights=(1.0, 0.5, 0.0),
)
CHOIR = Parent(
    "2" * 40,
    rights=Rights("Choir", "Bob", "CC-BY-4.0 OR GFDL-1.3-only"),
    categories=("music",),
    weights=(0.0, 0.5, 1.0),
)
EVE = Parent(
    "3" * 40,
    rights=Rights(HOSTILE, HOSTILE, page_url="javascript:alert(1)", attribution=HOSTILE),
    categories=(HOSTILE,),
)


def piece() -> Score:
    """Ten seconds: a join in `main`, an event alone in `over`, a pause, three sections."""
    clips = (
        Clip("a", "a.wav", seconds=4.0, mash_id="m", parents=(WIND, CHOIR)),
        Clip("b", "sub/b c.wav", seconds=4.0, parents=(EVE,)),
    )
    events = (
        Event(0, "a", 0, 64_000, fade_out=16_000, why="first"),
        Event(48_000, "b", 0, 64_000, -6.0, fade_in=16_000, fade_out=8_000, pan=-0.5),
        Event(56_000, "a", 16_000, 32_000, fade_in=4_000, fade_out=4_000, pan=0.5, layer="over"),
        Event(144_000, "b", 0, 64_000, layer="over"),
    )
    return Score(
        7,
        16_000,
        160_000,
        "matched",
        Master(-1.5, 160, 32_000, -16.0),
        {clip.clip_id: clip for clip in clips},
        events,
        channels=2,
        layers=(Layer("main"), Layer("over", -3.0)),
        sections=(Section(0, "sparse"), Section(64_000, "rising", HOSTILE), Section(128_000, "x")),
    )
