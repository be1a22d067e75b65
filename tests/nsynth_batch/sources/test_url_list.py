"""A list of URLs with rights, from a server that knows nothing of wikis."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.cli import main
from nsynth_batch.settings.settings import Settings
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.resolve import web_source
from nsynth_batch.sources.url_list import UrlListSource
from sequencer.errors import SequencerError
from tests.components.faults import Fault, FaultProxy
from tests.nsynth_batch.recordings import tone, write_wav
from tests.nsynth_batch.sources.lists import HEADER, files, run
from tests.nsynth_batch.sources.wikis import catalog, every_row, raw


def test_a_list_is_fetched_once_with_its_rights(site: FaultProxy, tmp_path: Path) -> None:
    listed = (
        f"One,Ann,CC-BY-4.0,nature,http://{site.host}/one.wav\n"
        f"Two,Bé,CC0-1.0,,http://{site.host}/%C3%B8%202.wav\n"
    )
    assert run(tmp_path, listed) == 0
    rows = catalog(tmp_path / "store")
    one = rows[f"http://{site.host}/one.wav"]
    assert (one.title, one.author, one.licence) == ("One", "Ann", "CC-BY-4.0")
    assert (one.categories, one.page_url) == (("nature",), f"http://{site.host}/one.wav")
    assert one.duration == pytest.approx(0.3)
    assert one.usable
    assert raw(tmp_path / "store") == {
        hashlib.sha1(path.read_bytes()).hexdigest() for path in (tmp_path / "site").glob("*.wav")
    }
    site.reset()
    assert run(tmp_path, listed.replace("Ann,CC-BY-4.0", "Ann,CC0-1.0")) == 0
    assert not site.seen
    assert {row.licence for row in every_row(tmp_path / "store")} == {"CC0-1.0"}


def test_what_was_forgotten_is_not_asked_for(site: FaultProxy, tmp_path: Path) -> None:
    listed = f"One,Ann,CC-BY-4.0,nature,http://{site.host}/one.wav\n"
    assert run(tmp_path, listed) == 0
    store = str(tmp_path / "store")
    assert main(["forget", "One", "--erase", "--store", store]) == 0
    site.reset()
    assert run(tmp_path, listed) == 0
    assert not site.seen
    # By another address it comes, is known by its content, and is not kept.
    write_wav(tmp_path / "site" / "again.wav", tone(0.3, 100.0 + sum(b"one.wav")))
    assert run(tmp_path, listed.replace("/one.wav", "/again.wav")) == 0
    assert site.seen
    assert not raw(tmp_path / "store")
    assert main(["forget", "One", "--restore", "--store", store]) == 0
    assert run(tmp_path, listed) == 0
    assert len(raw(tmp_path / "store")) == 1


def test_what_leads_to_no_recording_is_quarantined(
    site: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = (
        f"One,Ann,CC0-1.0,,http://{site.host}/one.wav\n"
        f"Gone,Ann,CC0-1.0,,http://{site.host}/gone.wav\n"
        f"Page,Ann,CC0-1.0,,http://{site.host}/page.html\n"
    )
    assert run(tmp_path, listed, "--max-bad-fraction", "0.7") == 0
    assert "2 quarantined: 1 missing-file, 1 not-audio" in capsys.readouterr().err
    assert run(tmp_path, listed) == 3
    assert "2 of 3 recordings" in capsys.readouterr().err
    assert main(["status", "--quarantine", "--store", str(tmp_path / "store")]) == 0
    told = capsys.readouterr().out
    assert "quarantine of harvest: 1 missing-file, 1 not-audio" in told
    assert f"http://{site.host}/page.html: not-audio: " in told


def test_an_answer_that_is_no_recording_is_not_kept_as_one(
    site: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = b"\xef\xbb\xbf\n<!DOCTYPE html><html>Log in, please</html>"
    sound = {"Content-Type": "audio/wav"}
    answers = {
        "type": (Fault(200, {"Content-Type": "Text/HTML; charset=utf-8"}, page), "not-audio"),
        "page": (Fault(200, sound, page), "not-audio"),
        "bare": (Fault(200, {}, b'{"error": "quota"}'), "not-audio"),
        "none": (Fault(200, sound), "empty"),
        "gzip": (Fault(200, {**sound, "Content-Encoding": "GZIP"}, page), "packed"),
        "lost": (Fault(302, {"Location": "http://[one/a.wav"}), "bad-redirect"),
        "loop": (Fault(302, {"Location": "/loop.wav"}), "redirect-loop"),
    }
    for name, (fault, _) in answers.items():
        site.fail(f"/{name}.wav", fault, times=100)
    listed = "".join(f"{n},Ann,CC0-1.0,,http://{site.host}/{n}.wav\n" for n in (*answers, "one"))
    assert run(tmp_path, listed, "--max-bad-fraction", "1") == 0
    assert "7 quarantined" in capsys.readouterr().err
    assert len(raw(tmp_path / "store")) == 1
    assert main(["status", "--quarantine", "--store", str(tmp_path / "store")]) == 0
    told = capsys.readouterr().out
    for name, (_, reason) in answers.items():
        assert f"/{name}.wav: {reason}: " in told
    # Once an address leads to a recording it is taken.
    site.reset()
    write_wav(tmp_path / "site" / "page.wav")
    assert run(tmp_path, listed, "--max-bad-fraction", "1") == 0
    assert "1 new" in capsys.readouterr().err


def test_a_broken_connection_is_taken_up(site: FaultProxy, tmp_path: Path) -> None:
    site.fail("one.wav", Fault(cut_after=4000))
    assert run(tmp_path, f"One,Ann,CC0-1.0,,http://{site.host}/one.wav\n") == 0
    # This server knows no parts, so all comes again; what is stored is right.
    assert [seen.headers.get("Range") for seen in files(site)] == [None, "bytes=4000-"]
    assert len(raw(tmp_path / "store")) == 1


def test_other_hosts_than_listed_are_not_asked(site: FaultProxy, tmp_path: Path) -> None:
    site.fail("one.wav", Fault(302, {"Location": "http://elsewhere.example/one.wav"}))
    assert run(tmp_path, f"One,Ann,CC0-1.0,,http://{site.host}/one.wav\n") == 3


@pytest.mark.parametrize(
    ("statuses", "code", "words"),
    [
        # It does not pass by itself, so no scheduler is to try again.
        ((403,), 2, "3 files in a row are forbidden"),
        ((429,), 75, "the server answers 429"),
        ((403, 429), 75, "the server answers 429"),
    ],
)
def test_a_host_that_refuses_file_after_file_is_left_alone(
    site: FaultProxy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    statuses: tuple[int, ...],
    code: int,
    words: str,
) -> None:
    names = ("one", *"abcdefgh")
    for name, status in zip(names[1:], itertools.cycle(statuses), strict=False):
        site.fail(f"/{name}.wav", Fault(status), times=1000)
    listed = "".join(f"{name},Ann,CC0-1.0,,http://{site.host}/{name}.wav\n" for name in names)
    assert run(tmp_path, listed, "--retries", "0") == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last
    # What came before stays, and not all is asked for.
    assert len(raw(tmp_path / "store")) == 1
    assert len({seen.path for seen in site.seen}) < len(names)


def test_a_preview_knows_what_is_there(
    site: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = f"One,Ann,CC0-1.0,,http://{site.host}/one.wav\n"
    assert run(tmp_path, listed, "--dry-run") == 0
    assert "1 to fetch" in capsys.readouterr().out
    assert not (tmp_path / "store").exists()
    assert run(tmp_path, listed) == 0
    assert run(tmp_path, listed, "--dry-run") == 0
    assert "0 to fetch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file,author,licence\na,b,CC0-1.0\n", "'url'"),
        (HEADER, "no recording"),
        (HEADER + "a,b,CC0-1.0,,\n", "url"),
        (HEADER + "a,b,CC0-1.0,,ftp://example.org/a\n", "no address"),
        (HEADER + "a,b,CC BY,,https://example.org/a\n", "SPDX"),
    ],
)
def test_a_wrong_list_is_said(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises((UsageError, SequencerError), match=words):
        UrlListSource(tmp_path / "list.csv", HarvestFilter())


def test_a_missing_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.csv"):
        web_source(f"urls:{tmp_path}/no.csv", Settings(contact="a@b.org"))
