"""Measure how soon the audition page answers: from an action to the frame that shows it.

    python -m benchmarks.audition --clips 5000

A page that is opened from a folder, in a headless Chromium of 1360 by 900 pixels. The clips share
twelve sounds; measures, places on the map and choices differ. Each action is done in turns with the
others; a frame of the display, 17 ms, is part of each figure.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sequencer.audition.listing import Shown, list_clips
from sequencer.audition.page import audition_page
from tests.components.chromium import chromium
from tests.sequencer.audition.exports import export

CHANGE = (
    "const field = document.getElementById('{0}'); field.value = '{1}';"
    "field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'));"
)
KEY = (
    "document.querySelector('article[tabindex=\"0\"]').dispatchEvent("
    "new KeyboardEvent('keydown', {{ key: '{0}', bubbles: true, cancelable: true }}));"
)
ACTIONS = {
    "sort by brightness": CHANGE.format("sort", "-brightness"),
    "sort by likelihood": CHANGE.format("sort", "+likelihood"),
    "sort by length": CHANGE.format("sort", "-seconds"),
    "shortest 2.5 s": CHANGE.format("least-seconds", "2.5"),
    "any length": CHANGE.format("least-seconds", ""),
    "keep": KEY.format("k"),
    "sort by likeness": KEY.format("l"),
    "show the map": KEY.format("m"),
    "hide the map": KEY.format("m"),
    "to the last": KEY.format("End"),
    "to the first": KEY.format("Home"),
}
# The frame after the next begins when the next one is drawn.
SHOWN = (
    "const done = arguments[arguments.length - 1]; const begun = performance.now(); {0}"
    "requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)))"
)


def many(shown: Sequence[Shown], count: int) -> list[Shown]:
    """Return so many clips of the same sounds, which differ in all that is sorted by."""
    dice = random.Random(0)
    clips = []
    for number in range(count):
        each = shown[number % len(shown)]
        measures = {name: dice.uniform(0, 1000) for name in each.clip.measures or {}}
        clip = replace(
            each.clip,
            clip_id=f"clip-{number}",
            nll=dice.uniform(1, 4),
            seconds=dice.uniform(1, 6),
            measures=measures,
        )
        clips.append(replace(each, clip=clip, place=(dice.random(), dice.random())))
    return clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        clips = many(list_clips(export(top / "clips")).shown, options.clips)
        page = top / "clips" / "index.html"
        text = audition_page("many", clips, {}, served=False, pictures={})
        page.write_text(text, encoding="utf-8")
        print(f"{len(clips)} clips, {page.stat().st_size / 1e6:.1f} MB")
        with chromium(top / "profile", top / "downloads") as browser:
            browser.get(page.as_uri())
            taken: dict[str, list[float]] = {action: [] for action in ACTIONS}
            for _ in range(options.rounds):
                for action, script in ACTIONS.items():
                    taken[action].append(float(browser.execute_async_script(SHOWN.format(script))))
        print(f"{'ms from an action to its frame':32} {'median':>8} {'longest':>8}")
        for action, times in taken.items():
            print(f"{action:32} {statistics.median(times):8.0f} {max(times):8.0f}")


if __name__ == "__main__":
    main()
