"""Each export is read back by the format's own library."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import mido
import opentimelineio
import pytest
import rpp

from sequencer.cli import main
from sequencer.credits.captions import label_track
from sequencer.exports.media import Media
from sequencer.exports.midi import midi_bytes
from sequencer.exports.otio import otio_text
from sequencer.exports.reaper import reaper_text
from sequencer.score.files import score_json
from sequencer.score.score import Event
from sequencer.text import flattened
from tests.sequencer.scores import HOSTILE, piece

MEDIA = Media(Path("/sounds/my clips"), Path("/sounds/out"))
RATE = 16_000


def errors_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stderr that are no warnings, as those of clips that are not at hand."""
    return [line for line in capsys.readouterr().err.splitlines() if ": warning: " not in line]


def seconds(time: opentimelineio.opentime.RationalTime) -> float:
    return float(time.to_seconds())


def test_otio_holds_positions_joins_media_and_sections() -> None:
    timeline = opentimelineio.adapters.read_from_string(otio_text(piece(), MEDIA), "otio_json")
    main_track, over = timeline.tracks
    assert [track.name for track in timeline.tracks] == ["main", "over"]
    clips = [
        (
            seconds(clip.transformed_time_range(clip.trimmed_range(), timeline.tracks).start_time),
            seconds(clip.trimmed_range().start_time),
            seconds(clip.duration()),
            unquote(clip.media_reference.target_url),
        )
        for clip in timeline.find_clips()
    ]
    assert clips == [
        (0.0, 0.0, 3.5, "../my clips/a.wav"),
        (3.5, 0.5, 3.5, "../my clips/sub/b c.wav"),
        (3.5, 1.0, 2.0, "../my clips/a.wav"),
        (9.0, 0.0, 1.0, "../my clips/sub/b c.wav"),
    ]
    join = main_track[1]
    assert isinstance(join, opentimelineio.schema.Transition)
    assert (seconds(join.in_offset), seconds(join.out_offset)) == (0.5, 0.5)
    # With the transition around the cut, each clip is seen for as long as its event sounds.
    assert [seconds(clip.visible_range().duration) for clip in main_track.find_clips()] == [4, 4]
    names = [item.name for item in over if isinstance(item, opentimelineio.schema.Transition)]
    assert names == ["fade in", "fade out"]
    assert [
        (
            marker.name,
            seconds(marker.marked_range.start_time),
            seconds(marker.marked_range.duration),
        )
        for marker in timeline.tracks.markers
    ] == [("sparse", 0, 4), ("rising", 4, 4), ("x", 8, 2)]
    second = next(clip for clip in timeline.find_clips() if clip.name.endswith("[b]"))
    assert second.name == f"{flattened(HOSTILE)} [b]"
    held = second.metadata["sequencer"]
    assert (held["gain_db"], held["pan"], held["fade_in"]) == (-6.0, -0.5, 1.0)
    assert held["recordings"][0]["author"] == flattened(HOSTILE)


def test_events_that_overlap_without_a_join_get_tracks_of_their_own() -> None:
    score = piece()
    events = tuple(Event(n * 8_000, "a", 0, 32_000, fade_in=100) for n in range(3))
    timeline = opentimelineio.adapters.read_from_string(
        otio_text(replace(score, events=(*events, Event(40_000, "a", 0, 16_000))), MEDIA),
        "otio_json",
    )
    assert [track.name for track in timeline.tracks] == ["main", "main 2", "main 3"]
    starts = [
        seconds(clip.transformed_time_range(clip.trimmed_range(), timeline.tracks).start_time)
        for clip in timeline.find_clips()
    ]
    assert starts == [0.0, 2.5, 0.5, 1.0]


def test_reaper_holds_positions_fades_names_media_and_regions() -> None:
    project = rpp.loads(reaper_text(piece(), MEDIA))
    tracks = project.findall("TRACK")
    assert [track.find("NAME")[1] for track in tracks] == ["main", "over"]
    assert float(tracks[1].find("VOLPAN")[1]) == pytest.approx(10 ** (-3 / 20))
    items = [item for track in tracks for item in track.findall("ITEM")]
    numbers = [
        [float(item.find(name)[1]) for name in ("POSITION", "LENGTH", "SOFFS")] for item in items
    ]
    assert numbers == [[0, 4, 0], [3, 4, 0], [3.5, 2, 1], [9, 1, 0]]
    fades = [[float(item.find(name)[2]) for name in ("FADEIN", "FADEOUT")] for item in items]
    assert fades == [[0, 1], [1, 0.5], [0.25, 0.25], [0, 0]]
    second = items[1]
    assert float(second.find("VOLPAN")[1]) == pytest.approx(10 ** (-6 / 20))
    assert float(second.find("VOLPAN")[2]) == -0.5
    # All three quotes of Reaper stand in this name, so one of them became another.
    assert second.find("NAME")[1] == f"{flattened(HOSTILE)} [b]".replace("`", "'")
    assert second.find("SOURCE").find("FILE")[1] == "../my clips/sub/b c.wav"
    markers = [marker[2:4] for marker in project.findall("MARKER")]
    assert [(float(at), name) for at, name in markers] == [
        *((0, "sparse"), (4, ""), (4, "rising"), (8, ""), (8, "x"), (10, "")),
    ]


def test_midi_holds_markers_at_their_times() -> None:
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(piece())), charset="utf-8")
    assert file.length == pytest.approx(10, abs=1e-3)
    tracks = []
    for track in file.tracks:
        now, markers = 0, []
        for message in track:
            now += message.time
            if message.type == "marker":
                markers.append((round(now / 1920, 3), message.text))
        tracks.append((track.name, markers))
    assert tracks[0] == ("composition, seed 7", [(0, "sparse"), (4, "rising"), (8, "x")])
    assert [name for name, _ in tracks[1:]] == ["main", "over"]
    assert [at for at, _ in tracks[1][1]] == [0, 3]
    assert flattened(HOSTILE) in tracks[1][1][1][1]


def test_the_command_writes_each_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = tmp_path / "piece.score.json"
    score.write_text(score_json(piece()), encoding="utf-8")
    for to, name in (
        ("otio", "p.otio"),
        ("reaper", "p.rpp"),
        ("labels", "p.txt"),
        ("midi", "p.mid"),
    ):
        out = tmp_path / "new" / name
        command = ["export", str(score), "--to", to, "-o", str(out), "--clips", str(tmp_path)]
        assert main(command) == 0
        first = out.read_bytes()
        assert main(command) == 0
        assert out.read_bytes() == first
    assert (tmp_path / "new" / "p.txt").read_text(encoding="utf-8") == label_track(piece())
    assert rpp.loads((tmp_path / "new" / "p.rpp").read_text(encoding="utf-8"))
    assert "../a.wav" in (tmp_path / "new" / "p.rpp").read_text(encoding="utf-8")
    assert main(["export", str(score), "--to", "midi", "-o", str(score)]) == 2
    assert main(["export", str(tmp_path / "none.json"), "--to", "midi", "-o", "x.mid"]) == 2
    assert len(errors_of(capsys)) == 2


def test_the_name_chooses_the_format_and_has_to_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = tmp_path / "piece.score.json"
    score.write_text(score_json(piece()), encoding="utf-8")
    out = tmp_path / "p.RPP"
    assert main(["export", str(score), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: reaper, 4 events in 2 layers\n"
    for name, flags in (("p.reaper", ()), ("p", ()), ("p.mid", ("--to", "reaper"))):
        assert main(["export", str(score), "-o", str(tmp_path / name), *flags]) == 2
        assert "end the name in .otio or .rpp" in capsys.readouterr().err or flags
        assert not (tmp_path / name).exists()


def test_files_of_other_origin_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = tmp_path / "piece.score.json"
    score.write_text(score_json(piece()), encoding="utf-8")
    for command, name in (
        ("export", "x.otio"),
        ("export", "x.rpp"),
        ("export", "x.txt"),
        ("export", "x.mid"),
        ("credits", "c.txt"),
        ("credits", "c.html"),
        ("credits", "c.json"),
        ("credits", "c.vtt"),
    ):
        out = tmp_path / name
        out.write_bytes(b"mine")
        asked = [command, str(score), "-o", str(out)]
        assert main(asked) == 2
        (error,) = errors_of(capsys)
        assert "--replace" in error
        assert out.read_bytes() == b"mine"
        assert main([*asked, "-f"]) == 0
        # What was written before is its own.
        assert main(asked) == 0
