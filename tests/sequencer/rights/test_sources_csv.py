"""Tables of rights beside recordings."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sequencer.errors import SequencerError
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights
from sequencer.rights.sources_csv import COLUMNS, REQUIRED_COLUMNS, read_sources
from tests.sequencer.sounds import RECORDINGS

HEAD = "file,author,licence,title,category,source_url\n"


def refusal(text: str | bytes) -> str:
    stream = io.StringIO(text, newline="") if isinstance(text, str) else io.BytesIO(text)
    with pytest.raises(SequencerError) as caught:
        read_sources(stream)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_real_sources() -> None:
    rows = read_sources(RECORDINGS / "sources.csv")
    assert {path.name for path in RECORDINGS.glob("*.flac")} == set(rows)
    piano = rows["ambi_piano.flac"]
    assert piano.categories == ("music",)
    assert piano.rights == Rights(
        title="Ambient piano",
        author="RutgerMuller",
        licence="CC0-1.0",
        licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        page_url="http://freesound.org/people/RutgerMuller/sounds/51245/",
    )
    assert all(row.rights.known for row in rows.values())


def test_bytes_with_a_mark_quotes_and_other_scripts() -> None:
    text = HEAD + '"a, ""b""\nc.wav",Мусоргский,CC-BY-SA-4.0 OR GFDL-1.3-only,"Гном\n2",x; y,\n'
    (row,) = read_sources(io.BytesIO(b"\xef\xbb\xbf" + text.encode())).values()
    assert row.file == 'a, "b"\nc.wav'
    assert row.rights.author == "Мусоргский"
    assert row.categories == ("x", "y")
    assert row.rights.licence_url == ""


def test_only_the_required_columns_in_any_order_and_case() -> None:
    (row,) = read_sources(io.StringIO("Licence, FILE ,author,colour\n,a.wav,Ann,red\n")).values()
    assert row.rights == Rights(author="Ann", licence=UNKNOWN_LICENCE)
    assert not row.rights.known


def test_blank_lines_are_no_rows() -> None:
    assert list(read_sources(io.StringIO(HEAD + "\n,,,,,\na.wav,A,MIT,,,\n"))) == ["a.wav"]


def test_missing_columns_are_all_named() -> None:
    message = refusal("file,title\na.wav,A\n")
    assert "line 1" in message
    assert "'author', 'licence'" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (HEAD + "a.wav,A,MIT,,,\nb.wav,B\n", "line 3: 2 fields where the header has 6"),
        (HEAD + "a.wav,A,MIT,,,,\n", "line 2: 7 fields"),
        (
            HEAD + "a.wav,A,MIT,,,\na.wav,B,MIT,,,\n",
            "line 3, column 'file': 'a.wav' is listed twice",
        ),
        (HEAD + ",A,MIT,,,\n", "line 2, column 'file'"),
        (HEAD + "a.wav,A,CC BY 4.0,,,\n", "line 2, column 'licence'"),
        (HEAD + '"a\nb.wav",A,MIT,,,\nc.wav,A,free!,,,\n', "line 4, column 'licence'"),
        (HEAD + 'a.wav,A,"MIT,,,\n', "not readable as CSV"),
        ("file,author,licence,author\n", "'author' stands there twice"),
        ((HEAD + "a.wav,Müller,MIT,,,\n").encode("latin-1"), "line 2: byte 0xfc is not UTF-8"),
        ("file,author\n".encode("utf-16"), "not UTF-8"),
        (HEAD + "a.wav,A,MIT,,,wiki/a\n", "line 2, column 'source_url': 'wiki/a' is no address"),
        (HEAD + "a.wav,A,MIT,,,javascript:alert(1)\n", "line 2, column 'source_url'"),
        ("file,author,licence,url\na.wav,A,MIT,ftp://a.example\n", "line 2, column 'url'"),
        (HEAD + "a.wav,A,MIT,,,http://[x\n", "'http://[x' is no address with http"),
        (HEAD + "a.wav,A,CC BY 4.0,,,\n", "write CC-BY-4.0"),
        (HEAD + "a.wav,A,CC-BY-4,,,\n", "'CC-BY-4' is not in SPDX's list: did you mean CC-BY-4.0?"),
        (HEAD + "a.wav,A,Freeware,,,\n", "are LicenseRef- and a word of your own"),
        (HEAD + "a.wav,A,MIT OR Freeware,,,\n", "'Freeware' is not in SPDX's list"),
        ("file;author;licence\na.wav;A;MIT\n", "line 1: the columns are parted by semicolons"),
        ("file\tauthor\tlicence\n", "parted by tabs"),
        ("file,author,license\n", "line 1: column 'license' is none that is known; call it 'lic"),
        ("file,author,licence,categories\n", "call it 'category'"),
        (
            HEAD + "a.wav,A,MIT\n,A,MIT,,,\nc.wav,A,MIT,,,\nd.wav,A,no!,,,\n",
            "line 2: 3 fields where the header has 6 columns (a comma inside a field needs quotes "
            "around the field); line 3, column 'file': the file's name is empty; line 5, column 'l",
        ),
        (HEAD + "x,A\n" * 9, "; and 4 more"),
    ],
)
def test_wrong_rows_are_named(text: str | bytes, words: str) -> None:
    assert words in refusal(text)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_spreadsheets_save(ends: str, encoding: str) -> None:
    lines = ["FILE,Author,Licence,Title,my notes", '"Tür, auf.wav",Ann,CC0-1.0,"Tür ""auf""",x']
    data = (ends.join(lines) + ends).encode(encoding)
    (row,) = read_sources(io.BytesIO(data)).values()
    assert (row.file, row.rights.title) == ("Tür, auf.wav", 'Tür "auf"')


def test_every_column_is_read() -> None:
    values = {
        "file": "sub/a.wav", "author": "Ann", "licence": "CC-BY-4.0", "title": "Air",
        "category": "music; wind", "source_url": "https://a.example/page",
        "licence_url": "https://a.example/terms", "attribution": "by Ann",
        "url": "https://a.example/a.wav", "seconds": "12.5",
    }  # fmt: skip
    assert set(values) == set(COLUMNS) >= set(REQUIRED_COLUMNS)
    text = ",".join(values) + "\n" + ",".join(values.values()) + "\n"
    (row,) = read_sources(io.StringIO(text)).values()
    rights = row.rights
    assert values == {
        "file": row.file, "author": rights.author, "licence": rights.licence,
        "title": rights.title, "category": "; ".join(row.categories),
        "source_url": rights.page_url, "licence_url": rights.licence_url,
        "attribution": rights.attribution, "url": row.url,
        "seconds": str(row.seconds),
    }  # fmt: skip


@pytest.mark.parametrize(
    "licence",
    ["cc-by-sa-3.0-de", "GPL-2.0+", "GFDL-1.2", "LicenseRef-my-own", "DocumentRef-a:LicenseRef-b",
     "(MIT AND CC0-1.0) OR GPL-2.0-only WITH Classpath-exception-2.0", "LGPL-3.0-only+"],
)  # fmt: skip
def test_licences_that_spdx_knows_or_leaves_open(licence: str) -> None:
    (row,) = read_sources(io.StringIO(f"file,author,licence\na.wav,A,{licence}\n")).values()
    assert row.rights.licence == licence


def test_a_path_stands_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "sources.csv"
    path.write_text("file\n")
    with pytest.raises(SequencerError, match=r"sources\.csv, line 1"):
        read_sources(path)


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "0:42"])
def test_seconds_are_a_number(seconds: str) -> None:
    with pytest.raises(SequencerError, match=r"line 2, column 'seconds': .* no number of seconds"):
        read_sources(io.StringIO(f"file,author,licence,seconds\na.wav,A,MIT,{seconds}\n"))


def test_what_a_catalog_had_is_read_where_it_need_not_be_strict() -> None:
    text = "file,author,licence,source_url\na.wav,A,Odd-1.0,store/raw/a\n"
    (row,) = read_sources(io.StringIO(text), strict=False).values()
    assert (row.rights.licence, row.rights.page_url) == ("Odd-1.0", "store/raw/a")
    with pytest.raises(SequencerError):
        read_sources(io.StringIO(text))
