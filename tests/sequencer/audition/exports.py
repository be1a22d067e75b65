"""A small clips export, with names that nobody should trust."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sequencer.clips.clips import Clip, Parent, write_clips_jsonl
from sequencer.rights.rights import Rights
from tests.sequencer.scores import CHOIR, EVE, WIND
from tests.sequencer.sounds import encoded, pluck

BREAKER = "</script><!--"
COMMAND = "sequencer compose 'my </pre><b>clips' --choices choices.json --only-kept"


def export(folder: Path, count: int = 12) -> Path:
    """Write clips: the second has hostile parents, the third an id that would break a script.

    The first has the sound of its parents beside it, of twenty seconds and of one.
    """
    folder.mkdir()
    (folder / "parents").mkdir()
    for name, seconds in (("wind", 20.0), ("choir", 1.0)):
        (folder / "parents" / f"{name}.wav").write_bytes(encoded(pluck(seconds, 150)))
    clips = []
    for number in range(count):
        name = f"{number}.wav"
        # The first still plays while a slow browser is asked about it.
        seconds = 20.0 if number == 0 else 2.0
        (folder / name).write_bytes(encoded(pluck(seconds, 200 + 20 * number)))
        parents = (EVE, WIND) if number == 1 else (WIND, CHOIR)
        if number == 3:
            parents = (Parent("9" * 40, rights=Rights("Lonely", "Zoe", "MIT")),)
        if number == 0:
            parents = (
                replace(WIND, sound="parents/wind.wav"),
                replace(CHOIR, sound="parents/choir.wav"),
            )
        clip_id = f"{BREAKER}{number}" if number == 2 else f"clip-{number}"
        # One is of no model that would know its likelihood.
        nll = None if number == 1 else number / 10
        clips.append(Clip(clip_id, name, mash_id="m", parents=parents, nll=nll))
    write_clips_jsonl(folder, clips)
    return folder
