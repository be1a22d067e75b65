"""A small dump of the Free Music Archive, in the published form, with real mp3 files."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput, UsageError
from nsynth_batch.cli import main
from nsynth_batch.settings.choices import Split
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.fma import NO_TRACK, OTHER_SPLIT, TWICE, FmaSource, splits_by_artist
from nsynth_batch.sources.fma_tables import Track
from nsynth_batch.stages.audio import AudioStage
from sequencer.rights.rights import Rights
from tests.nsynth_batch.builders import task
from tests.nsynth_batch.recordings import RECORDINGS
from tests.nsynth_batch.sources.wikis import catalog

HEADER = (
    ("", "album", "album", "artist", "artist", "set", "set", *("track",) * 4),
    (
        "",
        "id",
        "title",
        "id",
        "name",
        "split",
        "subset",
        "duration",
        "genre_top",
        "license",
        "title",
    ),
    ("track_id", *("",) * 10),
)
ROWS = ",track,artist,track\n,title,name,license\ntrack_id,,,\n"
BY_NC = "Attribution-NonCommercial 3.0 International"
TRACKS = (
    (2, 1, "Ann", "training", "Jazz", BY_NC, "Food, \nand drink"),
    (3, 1, "Ann", "training", "Jazz", "Attribution-ShareAlike 4.0", "Bell"),
    (1005, 2, "Bé", "test", "", "FMA-Limited: Download Only", "Voice"),
    (1006, 2, "Bé", "validation", "", "CC0 1.0 Universal", "Crow"),
    (1007, 2, "Bé", "test", "", "Attribution", "Door"),
)
SOUNDS = ("perc_bell", "misc_crow", "perc_door", "misc_burp", "elec_chime")


def write_mp3(path: Path, sound: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(RECORDINGS / f"{sound}.flac")
    soundfile.write(path, samples[: 2 * rate], rate, format="MP3")


def name_of(number: int) -> str:
    return f"{number // 1000:03}/{number:06}.mp3"


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Five tracks of two artists, in the tables and as files."""
    folder = tmp_path / "fma"
    (folder / "fma_metadata").mkdir(parents=True)
    with (folder / "fma_metadata/tracks.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerows(HEADER)
        for number, artist, name, split, genre, licence, title in TRACKS:
            rows.writerow(
                (number, 7, "x" * 200_000, artist, name, split, "small", 210, genre, licence, title)
            )
    for (number, *_), sound in zip(TRACKS, SOUNDS, strict=True):
        write_mp3(folder / "fma_small" / name_of(number), sound)
    return folder


def harvest(source: Path, store: Path, *flags: str) -> int:
    return main(["harvest", f"fma:{source}", "--store", str(store), *flags])


def test_tracks_come_with_their_artists_and_licences(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harvest(dump, tmp_path / "store") == 0
    rows = catalog(tmp_path / "store")
    assert {
        path: (row.title, row.author, row.licence, row.categories) for path, row in rows.items()
    } == {
        "fma_small/000/000002.mp3": ("Food, and drink", "Ann", "CC-BY-NC-3.0", ("Jazz",)),
        "fma_small/000/000003.mp3": ("Bell", "Ann", "CC-BY-SA-4.0", ("Jazz",)),
        "fma_small/001/001005.mp3": ("Voice", "Bé", "LicenseRef-unknown", ()),
        "fma_small/001/001006.mp3": ("Crow", "Bé", "CC0-1.0", ()),
        "fma_small/001/001007.mp3": ("Door", "Bé", "LicenseRef-unknown", ()),
    }
    assert "2 recordings have no licence" in capsys.readouterr().err
    # Again: nothing is new, by the folder of the files alone nothing either.
    assert harvest(dump, tmp_path / "store") == 0
    assert "0 new" in capsys.readouterr().err


def test_addresses_of_licences_count_where_there_is_a_table_of_them(
    dump: Path, tmp_path: Path
) -> None:
    page = "http://freemusicarchive.org/music/Be/Door"
    us = "http://creativecommons.org/licenses/by-nc/3.0/us/"
    contrary = "http://creativecommons.org/licenses/by/4.0/"
    (dump / "fma_metadata/raw_tracks.csv").write_text(
        f"track_id,license_url,track_url\n2,{us},\n3,{contrary},\n"
        f"1007,http://creativecommons.org/licenses/by/2.5/,{page}\n"
    )
    assert harvest(dump, tmp_path / "store") == 0
    rows = catalog(tmp_path / "store")
    assert rows["fma_small/000/000002.mp3"].licence == "LicenseRef-CC-BY-NC-3.0-US"
    assert rows["fma_small/000/000002.mp3"].licence_url == us
    assert rows["fma_small/000/000003.mp3"].licence == "LicenseRef-unknown"
    door = rows["fma_small/001/001007.mp3"]
    assert (door.licence, door.page_url) == ("CC-BY-2.5", page)


def test_a_split_is_of_whole_artists(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harvest(dump, tmp_path / "test", "--split", "test") == 0
    assert "1 artists are published in several splits" in capsys.readouterr().err
    assert {row.author for row in catalog(tmp_path / "test").values()} == {"Bé"}
    assert len(catalog(tmp_path / "test")) == 3
    assert harvest(dump, tmp_path / "train", "--split", "training") == 0
    assert {row.author for row in catalog(tmp_path / "train").values()} == {"Ann"}
    assert f"3 {OTHER_SPLIT}" in capsys.readouterr().err
    # A split that is taken later withdraws none of the others.
    assert harvest(dump, tmp_path / "test", "--split", "training") == 0
    assert len([row for row in catalog(tmp_path / "test").values() if row.usable]) == 5


SPLITS: tuple[Split, ...] = ("training", "validation", "test")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(SPLITS))))
def test_no_artist_is_in_two_splits(published: list[tuple[int, Split]]) -> None:
    tracks = [Track(Rights(), "", str(artist), split) for artist, split in published]
    splits, divided = splits_by_artist(tracks)
    assert set(splits) == {track.artist for track in tracks}
    for artist, of in itertools.groupby(sorted(published), key=lambda pair: pair[0]):
        own = [split for _, split in of]
        assert own.count(splits[str(artist)]) == max(map(own.count, own))
        assert (str(artist) in divided) == (len(set(own)) > 1)


def test_shard_quarantines_bad_files_with_a_reason(dump: Path, tmp_path: Path) -> None:
    bad = [dump / "fma_small" / name_of(number) for number, *_ in TRACKS[:3]]
    bad[0].write_bytes(b"")
    bad[1].write_bytes(bad[1].read_bytes()[:100])
    bad[2].write_bytes(b"no sound at all " * 400)
    assert harvest(dump, tmp_path / "store") == 0
    stage = AudioStage(segment_samples=4096, hop=512, sample_rate=16_000)
    reasons = {}
    for path, row in catalog(tmp_path / "store").items():
        with (tmp_path / "store" / row.raw_url).open("rb") as stream:
            try:
                assert list(stage.process(Item(row.file_id), stream, task(tmp_path)))
            except BadInput as error:
                reasons[path] = error.reason
    assert set(reasons) == {f"fma_small/{name_of(number)}" for number, *_ in TRACKS[:3]}
    assert all(reasons.values())


def test_what_is_no_track_or_there_twice_is_left_out(dump: Path) -> None:
    write_mp3(dump / "fma_full" / name_of(2), "perc_bell")
    write_mp3(dump / "fma_small/000/theme.mp3", "misc_crow")
    write_mp3(dump / "fma_small/000/001006.mp3", "misc_crow")
    source = FmaSource(str(dump), HarvestFilter(types=None))
    paths = [offer.path for offer in source.offers()]
    assert paths[0] == "fma_full/000/000002.mp3"
    assert len(paths) == 5
    assert source.left_out[TWICE] == ["fma_small/000/000002.mp3"]
    assert source.left_out[NO_TRACK] == ["fma_small/000/001006.mp3", "fma_small/000/theme.mp3"]


def test_one_folder_of_the_dump_finds_the_table_beside_it(dump: Path) -> None:
    source = FmaSource(str(dump / "fma_small"), HarvestFilter(types=None))
    assert [offer.rights.author for offer in source.offers()] == ["Ann", "Ann", "Bé", "Bé", "Bé"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("track_id,title\n2,Bell\n", "no column"),
        (",track\n,title\ntrack_id,\n2,Bell\n", "no column artist name, track license"),
        (None, "fma_metadata.zip"),
        (b"\xff\xfe", "cannot be read"),
        ("", "no column"),
        (f"{ROWS}2,Bell,Ann,Attribution\n2,Bell,Ann,CC0\n", "track 2 has two rows"),
        (f"{ROWS}2,Bell,Ann\n", "line 4: 3 fields for 4 columns"),
        (f"{ROWS}2,Bell,Ann,Attribution,CC0\n", "line 4: 5 fields for 4 columns"),
        (f'{ROWS}2,"Bell,Ann,Attribution\n', "cannot be read"),
        (f"{ROWS}2,Bell,Ann,Attribution\n", "no column set split"),
    ],
)
def test_a_wrong_table_is_said_in_one_line(
    dump: Path, tmp_path: Path, content: str | bytes | None, words: str
) -> None:
    table = dump / "fma_metadata/tracks.csv"
    if content is None:
        table.unlink()
    else:
        table.write_bytes(content if isinstance(content, bytes) else content.encode())
    split: Split | None = "test" if "split" in words else None
    with pytest.raises(UsageError, match=words) as caught:
        FmaSource(str(dump), HarvestFilter(types=None), split).offers()
    assert "\n" not in str(caught.value)


def test_a_table_is_read_however_it_was_saved(dump: Path) -> None:
    table = dump / "fma_metadata/tracks.csv"
    rows = f'{ROWS}2,"Bell,\n""big""",Ann,CC0 1.0 Universal\n\n{"9" * 5000},a,b,c\n'
    for content in (rows.encode(), b"\xef\xbb\xbf" + rows.replace("\n", "\r\n").encode()):
        table.write_bytes(content)
        source = FmaSource(str(dump), HarvestFilter(types=None))
        first, *others = source.offers()
        assert (first.rights.title, first.rights.licence) == ('Bell, "big"', "CC0-1.0")
        assert len(others) == 4
        assert source.notes == (
            "4 tracks have no row in fma_metadata/tracks.csv, and so no rights",
        )


def test_a_folder_without_tracks_is_said(dump: Path) -> None:
    for file in (dump / "fma_small").rglob("*.mp3"):
        file.rename(file.with_name(f"x{file.name}"))
    with pytest.raises(UsageError, match="no track of the Free Music Archive"):
        FmaSource(str(dump), HarvestFilter(types=None)).offers()
