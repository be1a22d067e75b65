from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile

from sequencer.cli import main
from sequencer.clips.clips import Clip, Parent
from sequencer.credits.aligned import aligned
from sequencer.credits.palette import Palette
from sequencer.pictures.rainbowgram import png, rainbowgram
from sequencer.pictures.timeline import _loudness_range, timeline
from sequencer.player import page
from sequencer.rights.rights import Rights
from sequencer.score.files import score_json
from sequencer.score.score import Event
from tests.sequencer.scores import piece
from tests.sequencer.sounds import encoded, noise, tone

ROWS = 240


def row_of(frequency: float) -> int:
    """The row of a note: 40 an octave above C2, the highest first."""
    return ROWS - 1 - round(40 * np.log2(frequency / 65.40639))


@pytest.mark.parametrize("frequency", [110.0, 440.0, 1760.0])
def test_a_tone_is_a_line_at_its_note(frequency: float) -> None:
    picture = rainbowgram(tone(4.0, frequency))
    assert picture.shape == (ROWS, 251, 3)
    middle = picture[:, 100:150].astype(int).sum(axis=(1, 2))
    assert abs(int(np.argmax(middle)) - row_of(frequency)) <= 1
    # Two octaves away it is dark.
    assert middle[row_of(frequency) - 80 if frequency < 1000 else row_of(frequency) + 80] == 0


def test_colour_is_the_change_of_phase() -> None:
    # On a note whose phase turns by whole half turns a hop, the colour stands still.
    steady = 16_000 / 256 * 8
    picture = rainbowgram(tone(4.0, steady))[row_of(steady), 60:180].astype(int)
    assert np.ptp(picture, axis=0).max() <= 12
    assert len(np.unique(rainbowgram(noise(2.0, 0.3))[100, :, 0])) > 20


def test_silence_is_black_and_short_sounds_are_drawn() -> None:
    assert not rainbowgram(np.zeros(16_000, np.float32)).any()
    assert rainbowgram(tone(0.05)).shape == (ROWS, 4, 3)


def test_a_png_tells_neither_time_nor_program(tmp_path: Path) -> None:
    picture = rainbowgram(tone(0.5))
    data = png(picture)
    assert data == png(picture)
    assert data.count(b"tEXt") + data.count(b"tIME") == 0
    (tmp_path / "x.png").write_bytes(data)
    held = matplotlib.image.imread(tmp_path / "x.png")
    assert np.array_equal(np.rint(held[..., :3] * 255), picture)


def test_clips_are_drawn_once_and_what_is_no_sound_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "clips", tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.wav").write_bytes(encoded(tone(0.5)))
    (folder / "sub" / "b.wav").write_bytes(encoded(tone(0.5, 300)))
    (folder / "broken.wav").write_bytes(b"no sound")
    assert main(["pictures", str(folder), "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert "2 rainbowgrams drawn, 0 there before" in said.out
    assert "broken.wav: not-audio" in said.err
    (drawn,) = out.glob("a.*.png")
    assert list((out / "sub").glob("b.*.png"))
    before = drawn.stat().st_mtime_ns
    (folder / "sub" / "b.wav").write_bytes(encoded(tone(0.5, 500)))
    assert main(["pictures", str(folder), "-o", str(out)]) == 0
    assert "1 rainbowgram drawn, 1 there before" in capsys.readouterr().out
    assert drawn.stat().st_mtime_ns == before


def test_a_timeline_is_drawn_with_the_loudness_of_its_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = tmp_path / "piece.score.json"
    score.write_text(score_json(piece()), encoding="utf-8")
    out = tmp_path / "piece.timeline.png"
    assert main(["pictures", str(score), "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{out}: timeline, without its sound\n"
    without = out.read_bytes()
    assert without == timeline(piece(), name="piece")
    named = tmp_path / "new" / "mine.png"
    assert main(["pictures", str(score), "-o", str(named)]) == 0
    assert capsys.readouterr().out == f"{named}: timeline, without its sound\n"
    assert named.read_bytes() == without
    soundfile.write(tmp_path / "piece.wav", noise(10.0), 16_000)
    assert main(["pictures", str(score), "-o", str(tmp_path)]) == 0
    assert "loudness and spectrum of" in capsys.readouterr().out
    assert out.read_bytes() != without
    assert main(["pictures", str(tmp_path), "--sound", "x.wav", "-o", str(tmp_path)]) == 2


def test_colours_go_to_what_is_heard_longest() -> None:
    # Twelve recordings: one long event of the first, many short ones of the others.
    clips = {
        f"c{n}": Clip(f"c{n}", "x", seconds=60.0, parents=(Parent(f"{n}", rights=Rights(f"R{n}")),))
        for n in range(12)
    }
    events = [Event(0, "c0", 0, 480_000)]
    events += [Event(480_000 + 1_000 * n, f"c{1 + n % 11}", 0, 1_000) for n in range(99)]
    score = replace(piece(), samples=960_000, clips=clips, events=tuple(events))
    palette = Palette(aligned(score))
    legend = list(palette.legend())
    assert [name for name, _ in legend[::9]] == ["R0", "3 others"]
    assert len({colour for _, colour in legend}) == len(legend) == 10
    assert palette.colour("0") == legend[0][1]
    # The page has the same.
    data = page._data(score)
    assert data["legend"] == [{"name": name, "colour": colour} for name, colour in legend]
    recordings = data["recordings"]
    assert isinstance(recordings, list)
    assert {row["title"]: row["colour"] for row in recordings}["R0"] == legend[0][1]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        # Of a steady piece, of a sparse one, of silence in a piece, and of nothing else.
        ((-19.0, -16.2, -14.0), (-24.0, -12.0)),
        ((-40.0, -22.0, -28.0), (-42.0, -18.0)),
        ((-60.0, -51.0, -13.0), (-48.0, -12.0)),
        ((-60.0, -60.0), (-66.0, -54.0)),
        ((-3.0, -2.0), (-12.0, 0.0)),
    ],
)
def test_the_axis_of_loudness_is_as_long_as_the_piece_needs(
    values: tuple[float, ...], ends: tuple[float, float]
) -> None:
    assert _loudness_range(values) == ends


def test_without_the_libraries_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(tone(0.5)))
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from sequencer.cli import main\n"
        f"sys.exit(main(['pictures', {str(tmp_path)!r}, '-o', {str(tmp_path)!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 2
    assert result.stderr == (
        "sequencer: this needs matplotlib, which is not installed; pip install matplotlib\n"
    )
