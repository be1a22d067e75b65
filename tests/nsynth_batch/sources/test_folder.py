"""A folder of recordings as a source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.sources.resolve import resolve
from nsynth_batch.sources.source import Offer
from sequencer.errors import SequencerError
from tests.nsynth_batch.recordings import RECORDINGS, write_wav


def offers(folder: Path) -> dict[str, Offer]:
    return {offer.path: offer for offer in resolve(str(folder)).offers()}


def test_the_bundled_recordings_come_with_their_rights() -> None:
    found = offers(RECORDINGS)
    crow = found["misc_crow.flac"]
    assert crow.rights.author == "davidworksonline"
    assert crow.rights.licence == "CC0-1.0"
    assert crow.categories == ("animal",)
    assert all(offer.rights.known for offer in found.values())


def test_folders_below_and_suffixes_in_capitals_count_and_other_files_are_counted(
    tmp_path: Path,
) -> None:
    write_wav(tmp_path / "a.WAV")
    write_wav(tmp_path / "below" / "b.wav")
    (tmp_path / "notes.txt").write_text("no audio")
    source = resolve(str(tmp_path))
    assert [offer.path for offer in source.offers()] == ["a.WAV", "below/b.wav"]
    assert source.other_files == 1


def test_what_only_ffmpeg_reads_is_taken_and_other_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    (tmp_path / "film.ts").write_bytes((b"G" + bytes(187)) * 5)
    (tmp_path / "code.ts").write_text("export class Rain {}")
    source = resolve(str(tmp_path))
    assert [offer.path for offer in source.offers()] == ["film.ts", "phone.m4a"]
    assert source.other_files == 1
    (tmp_path / "film.ts").unlink()
    (tmp_path / "phone.m4a").rename(tmp_path / "phone.txt")
    with pytest.raises(UsageError, match=r"\(2 other files\).*; there are code.ts, phone.txt"):
        resolve(str(tmp_path)).offers()


def test_of_one_recording_that_is_named_nothing_else_is_counted(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name)
    (tmp_path / "code.ts").write_text("export class Rain {}")
    source = resolve(str(tmp_path / "a.wav"))
    assert [offer.path for offer in source.offers()] == ["a.wav"]
    assert source.other_files == 0
    with pytest.raises(UsageError, match=r"code\.ts: no recording by its first bytes"):
        resolve(str(tmp_path / "code.ts")).offers()


def test_the_nearest_sources_csv_gives_the_rights(tmp_path: Path) -> None:
    for name in ("here.wav", "below/both.wav", "below/above.wav"):
        write_wav(tmp_path / name)
    header = "file,author,licence\n"
    (tmp_path / "sources.csv").write_text(
        f"{header}below/both.wav,Far,CC0-1.0\nbelow/above.wav,Above,CC-BY-4.0\n"
    )
    (tmp_path / "below" / "sources.csv").write_text(f"{header}both.wav,Near,CC-BY-SA-4.0\n")
    found = offers(tmp_path)
    assert found["below/both.wav"].rights.author == "Near"
    assert found["below/above.wav"].rights.author == "Above"
    assert not found["here.wav"].rights.known
    assert found["here.wav"].rights.title == "here"


@pytest.mark.parametrize(
    "name",
    ["a b.wav", 'it\'s "quoted".wav', "two\nlines.wav", "птица-鳥.wav", "ǘmlaut.wav", "#%2F.wav"],
)
def test_odd_names_are_titles(tmp_path: Path, name: str) -> None:
    write_wav(tmp_path / name)
    [offer] = offers(tmp_path).values()
    assert offer.rights.title == name.removesuffix(".wav")


def test_a_name_that_is_no_utf8_is_still_text(tmp_path: Path) -> None:
    write_wav(tmp_path / "plain.wav")
    (tmp_path / "plain.wav").rename(tmp_path / os.fsdecode(b"\xff.wav"))
    [offer] = offers(tmp_path).values()
    assert offer.rights.title == "\N{REPLACEMENT CHARACTER}"


def test_no_folder_and_no_audio_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing to hear")
    with pytest.raises(UsageError, match=r"no audio in this folder \(1 other file\)"):
        resolve(str(tmp_path)).offers()
    with pytest.raises(UsageError, match="no such folder"):
        resolve(str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="no recording by its suffix"):
        resolve(str(tmp_path / "readme.txt"))


def test_a_damaged_sources_csv_stops_the_harvest_with_its_name(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav")
    (tmp_path / "sources.csv").write_text("file,author\na.wav,Somebody\n")
    with pytest.raises(SequencerError, match=r"sources\.csv, line 1: missing column 'licence'"):
        resolve(str(tmp_path)).offers()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("gs://bucket/folder", "no storage for gs"),
        ("https://commons.wikimedia.org/wiki/Category:Owls", "commons:Category:NAME"),
        ("Category:Owls", "commons:Category:NAME"),
        ("file:///nowhere/at/all", "no such folder"),
    ],
)
def test_what_is_no_folder_says_what_is(source: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(source)


def test_hidden_files_are_no_recordings(tmp_path: Path) -> None:
    for name in ("song.wav", "._song.wav", ".trash/old.wav"):
        write_wav(tmp_path / name)
    source = resolve(str(tmp_path))
    assert [offer.path for offer in source.offers()] == ["song.wav"]
    assert source.other_files == 2


def test_a_store_inside_is_left_alone(tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav")
    write_wav(tmp_path / "deep" / "store" / "raw" / "ab" / "abab.wav")
    write_wav(tmp_path / "deep" / "beside.wav")
    (tmp_path / "deep" / "store" / "store.json").write_text('{"format": 1}')
    (tmp_path / "deep" / "store" / "sources.csv").write_text("damaged")
    source = resolve(str(tmp_path))
    assert [offer.path for offer in source.offers()] == ["deep/beside.wav", "song.wav"]
    assert source.other_files == 1
    assert source.left_out == {"a store is left alone with all that is in it": ["deep/store"]}


def test_a_store_is_no_source(tmp_path: Path) -> None:
    write_wav(tmp_path / "raw" / "ab" / "abab.wav")
    (tmp_path / "store.json").write_text('{"format": 1}')
    with pytest.raises(UsageError, match=r"a store \(store\.json is in it\)"):
        resolve(str(tmp_path))


def test_what_a_sources_csv_lists_in_vain_is_named(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav")
    write_wav(tmp_path / "below" / "b.wav")
    header = "file,author,licence\n"
    (tmp_path / "sources.csv").write_text(f"{header}a.wav,A,CC0-1.0\nbelow/b.wav,B,CC0-1.0\n")
    source = resolve(str(tmp_path))
    source.offers()
    assert source.notes == ()
    rows = "".join(f"gone {n}.wav,C,CC0-1.0\n" for n in range(6))
    (tmp_path / "below" / "sources.csv").write_text(f"{header}b.wav,B,CC0-1.0\n{rows}")
    source.offers()
    assert source.notes == (
        "no recording is where below/sources.csv lists one: gone 0.wav, gone 1.wav, gone 2.wav, "
        "gone 3.wav, gone 4.wav and 1 more",
    )


def test_links_are_followed_and_dead_ones_counted(tmp_path: Path) -> None:
    write_wav(tmp_path / "elsewhere" / "real.wav")
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    (folder / "live.wav").symlink_to(tmp_path / "elsewhere" / "real.wav")
    (folder / "below" / "dead.wav").symlink_to(tmp_path / "elsewhere" / "gone.wav")
    source = resolve(str(folder))
    assert [offer.path for offer in source.offers()] == ["live.wav"]
    assert source.other_files == 1
    assert source.left_out == {"a link leads nowhere": ["below/dead.wav"]}
