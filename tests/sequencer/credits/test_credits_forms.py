"""Credits in the forms that programs read, each read back by its own reader."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import webvtt
from bs4 import BeautifulSoup

from sequencer.cli import main
from sequencer.credits.as_html import credits_html
from sequencer.credits.as_json import credits_json
from sequencer.credits.captions import label_track
from sequencer.credits.captions import webvtt as captions
from sequencer.rights.licence_names import licence_name
from sequencer.score.files import score_json
from sequencer.templates.pages import web_address
from sequencer.text import flattened
from tests.sequencer.scores import HOSTILE, piece


@pytest.mark.parametrize(
    ("spdx", "name"),
    [
        ("CC-BY-SA-4.0", "Creative Commons Attribution-ShareAlike 4.0"),
        ("CC-BY-NC-ND-3.0-DE", "Creative Commons Attribution-NonCommercial-NoDerivatives 3.0 (DE)"),
        ("cc0-1.0", "CC0 1.0 Universal (public domain dedication)"),
        ("GFDL-1.2-or-later", "GNU Free Documentation License 1.2 or later"),
        ("GFDL-1.3-only", "GNU Free Documentation License 1.3"),
        ("LicenseRef-PD-US", "stated to be in the public domain"),
        ("LicenseRef-unknown", "unknown licence"),
        ("CC-WHAT-1.0", "CC-WHAT-1.0"),
        ("ISC", "ISC"),
    ],
)
def test_licences_have_names(spdx: str, name: str) -> None:
    assert licence_name(spdx) == name


def test_html_is_whole_and_hostile_names_stay_text() -> None:
    page = credits_html(replace(piece(), licence="CC-BY-SA-4.0"))
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find_all(["script", "img"])
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy
    assert str(policy["content"]).startswith("default-src 'none'; style-src 'sha256-")
    shown = flattened(HOSTILE)
    titles = [heading.get_text() for heading in soup.find_all("h3")]
    assert titles == [shown, "Choir", "Wind"]
    addresses = [str(link["href"]) for link in soup.find_all("a")]
    assert addresses == [
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "https://creativecommons.org/licenses/by/4.0/",
        "https://www.gnu.org/licenses/fdl-1.3.html",
        "https://example.org/wind",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ]
    text = " ".join(soup.get_text(" ").split())
    assert "Nobody named here endorses it." in text
    assert "unknown (LicenseRef-unknown)" in text
    assert "Attribution Ann, of the hills" in text
    assert "Used under CC-BY-4.0" in text
    assert "Cross-faded with" in text
    assert "Heard for 0:03" in text


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://example.org/a b", "https://example.org/a b"),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("//example.org", ""),
        ("data:text/html,x", ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_only_addresses_of_the_web_are_links(url: str, link: str) -> None:
    assert web_address(url) == link


def test_json_holds_what_the_text_says_and_when() -> None:
    value = json.loads(credits_json(replace(piece(), licence="CC-BY-SA-4.0")))
    assert (value["schema"], value["version"]) == ("sequencer-credits", 1)
    assert value["licence"] == "CC-BY-SA-4.0"
    assert value["licences"][0]["url"] == "https://creativecommons.org/licenses/by-sa/4.0/"
    by_title = {entry["title"]: entry for entry in value["recordings"]}
    assert by_title["Wind"]["attribution"] == "Ann, of the hills"
    assert [entry["id"] for entry in by_title["Choir"]["licences"]] == [
        "CC-BY-4.0",
        "GFDL-1.3-only",
    ]
    assert by_title["Choir"]["used_under"] == "CC-BY-4.0"
    assert by_title["Wind"]["used_under"] is None
    assert by_title[flattened(HOSTILE)]["known"] is False
    span = value["spans"][0]
    assert (span["start"], span["end"], span["clip"], span["layer"]) == (0.0, 4.0, "a", "main")
    assert span["recordings"][0] == {
        "file_id": "1" * 40,
        "weights": [[0.0, 1.0], [2.0, 0.5], [4.0, 0.0]],
    }
    assert len(value["spans"]) == 4


def test_captions_are_cues_that_a_reader_understands() -> None:
    text = captions(piece())
    cues = list(webvtt.from_buffer(io.StringIO(text)))
    assert [(cue.start, cue.end) for cue in cues] == [
        ("00:00:00.000", "00:00:04.000"),
        ("00:00:03.000", "00:00:07.000"),
        ("00:00:03.500", "00:00:05.500"),
        ("00:00:09.000", "00:00:10.000"),
    ]
    assert cues[0].text.splitlines() == [
        '"Wind" by Ann (CC-BY-SA-4.0), 100% to 0%',
        '"Choir" by Bob (CC-BY-4.0 OR GFDL-1.3-only), 0% to 100%',
    ]
    # Nothing in a name opens a tag or ends a cue.
    assert text.count("-->") == 4
    assert "<" not in text
    assert "&lt;/script&gt;" in text


def test_labels_are_three_columns() -> None:
    rows = [line.split("\t") for line in label_track(piece()).splitlines()]
    assert [row[:2] for row in rows[:4]] == [
        ["0.000000", "4.000000"],
        ["4.000000", "8.000000"],
        ["8.000000", "10.000000"],
        ["0.000000", "4.000000"],
    ]
    assert all(len(row) == 3 for row in rows)
    assert [row[2] for row in rows[:3]] == ["section: sparse", "section: rising", "section: x"]
    assert rows[3][2].startswith('a: "Wind" by Ann (CC-BY-SA-4.0), 100% to 0% + "Choir" by Bob')


def test_the_command_writes_each_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = tmp_path / "piece.score.json"
    score.write_text(score_json(piece()), encoding="utf-8")
    for name, begin in (
        ("c.txt", "Credits\n"),
        ("c.html", "<!DOCTYPE html>"),
        ("new/c.json", "{"),
        ("c.vtt", "WEBVTT\n"),
    ):
        out = tmp_path / name
        assert main(["credits", str(score), "-o", str(out)]) == 0
        assert out.read_text(encoding="utf-8").startswith(begin)
    capsys.readouterr()
    assert main(["credits", str(score), "--format", "labels"]) == 0
    assert capsys.readouterr().out == label_track(piece())
    assert main(["credits", str(score), "--at", "1"]) == 0
    assert capsys.readouterr().out == (
        "clip a (Wind + Choir) in layer main, 1.000 s into it\n"
        '   75.0%  "Wind" by Ann (CC-BY-SA-4.0), https://example.org/wind\n'
        '   25.0%  "Choir" by Bob (CC-BY-4.0 OR GFDL-1.3-only)\n'
    )
    assert main(["credits", str(score), "--at", "8"]) == 0
    assert capsys.readouterr().out == "nothing plays then\n"
    assert main(["credits", str(score), "--at", "11"]) == 2
    assert main(["credits", str(score), "--at", "1", "--format", "json"]) == 2
    assert main(["credits", str(score), "-o", str(score)]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("this would replace what it is made from; name another file")
    )
