"""Listings of a wiki that ends them early, or breaks at some of its pages.

A real wiki cannot be made to break at one page, so one that answers as it would stands in.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.settings.settings import Settings
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.sources.resolve import web_source
from nsynth_batch.sources.web.harvest import harvest_web
from tests.nsynth_batch.recordings import tone, write_wav

MEMBERS = 120
"""More than two questions ask for."""


class Broken(http.server.ThreadingHTTPServer):
    """A wiki with `MEMBERS` files, some of which break every question about them."""

    def __init__(self, sound: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.sound = sound
        self.broken: set[int] = set()
        self.window = 10_000
        self.down = False
        self.fields = {"LicenseShortName": "CC0", "Artist": "A. Example"}

    @property
    def at(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def content(self, number: int) -> bytes:
        return self.sound + number.to_bytes(2, "little")

    def page(self, number: int) -> dict[str, Any]:
        data = self.content(number)
        return {
            "pageid": number + 1,
            "ns": 6,
            "title": f"File:T {number}.wav",
            "lastrevid": number + 1,
            "imageinfo": [
                {
                    "url": f"{self.at}/f/{number}.wav",
                    "descriptionurl": f"{self.at}/File:T_{number}.wav",
                    "size": len(data),
                    "mime": "audio/wav",
                    "mediatype": "AUDIO",
                    "user": "Uma",
                    "sha1": hashlib.sha1(data).hexdigest(),
                    "timestamp": "2024-01-01T00:00:00Z",
                    "extmetadata": {name: {"value": text} for name, text in self.fields.items()},
                }
            ],
        }

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        if self.down:
            return {"error": {"code": "internal_api_error_DBQueryError", "info": "all is lost"}}
        for kind, prefix in (("search", "sr"), ("categorymembers", "cm")):
            if query.get("list") == kind:
                return self.titles_alone(query, kind, prefix)
        generator = query.get("generator")
        if generator == "search":
            return self.listed(query, "gsroffset", int(query["gsrlimit"]))
        if generator == "categorymembers" and query["gcmtype"] == "file":
            return self.listed(query, "gcmcontinue", int(query["gcmlimit"]))
        if "titles" in query:
            names = [title for title in query["titles"].split("|") if title.startswith("File:T ")]
            return self.told([int(name[7:-4]) for name in names])
        return {"batchcomplete": True}

    def listed(self, query: dict[str, str], name: str, most: int) -> dict[str, Any]:
        start = int(query.get(name, 0))
        if name == "gsroffset" and start >= self.window:
            return {"error": {"code": "cirrussearch-offset-too-large", "info": "Could not …"}}
        numbers = range(start, min(MEMBERS, start + most))
        answer = self.told(list(numbers))
        if "error" not in answer and start + most < MEMBERS:
            answer["continue"] = {name: str(start + most), "continue": f"{name}||"}
        return answer

    def told(self, numbers: list[int]) -> dict[str, Any]:
        if self.broken & set(numbers):
            return {"error": {"code": "internal_api_error_MWException", "info": "Caught …"}}
        pages = [self.page(number) for number in numbers if number < MEMBERS]
        return {"batchcomplete": True, "query": {"pages": pages}}

    def titles_alone(self, query: dict[str, str], kind: str, prefix: str) -> dict[str, Any]:
        word = "offset" if kind == "search" else "continue"
        start, most = int(query.get(f"{prefix}{word}", 0)), int(query[f"{prefix}limit"])
        numbers = range(start, min(MEMBERS, start + most))
        found = [{"ns": 6, "title": f"File:T {number}.wav"} for number in numbers]
        answer: dict[str, Any] = {"batchcomplete": True, "query": {kind: found}}
        if start + most < MEMBERS:
            answer["continue"] = {f"{prefix}{word}": str(start + most)}
        return answer


class _Answers(http.server.BaseHTTPRequestHandler):
    server: Broken

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def do_GET(self) -> None:
        if self.path.startswith("/f/"):
            self.send(self.server.content(int(self.path[3:-4])), "audio/wav")
        else:
            self.answer(urllib.parse.urlsplit(self.path).query)

    def answer(self, form: str) -> None:
        query = dict(urllib.parse.parse_qsl(form))
        self.send(json.dumps(self.server.answer(query)).encode(), "application/json")

    def send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def wiki(tmp_path: Path) -> Iterator[Broken]:
    with Broken(write_wav(tmp_path / "sound", tone(0.1)).read_bytes()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def harvest(wiki: Broken, store: Path, source: str) -> Harvest:
    settings = Settings(
        store=str(store),
        contact="tests@example.org",
        commons_api=f"{wiki.at}/api.php",
        upload_hosts=(wiki.at.removeprefix("http://"),),
        harvest_megabits=4000.0,
        harvest_backoff=0.01,
        retries=1,
    )
    place, client = web_source(source, settings)
    return harvest_web(place, client, lambda: Store.open(str(store), create=True).storage)


def quarantined(store: Path) -> dict[str, str]:
    known = HarvestQuarantine(Store.open(str(store)).storage).known
    return {name: bad.reason for name, bad in known.items()}


SOURCES = ("commons:Search:filetype:audio", "commons:Category:T")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("broken", [{0}, {77}, {49, 50}, {3, 60, 61, 119}])
def test_a_page_that_the_wiki_cannot_answer_for_is_named_and_the_rest_is_taken(
    wiki: Broken, tmp_path: Path, source: str, broken: set[int]
) -> None:
    wiki.broken = broken
    store = tmp_path / "store"
    for added in (MEMBERS - len(broken), 0):
        report = harvest(wiki, store, source)
        assert report.added == added
        assert report.quarantined == {"wiki-error": len(broken)}
        assert report.unfetched == report.deleted == 0
    assert quarantined(store) == {f"File:T {number}.wav": "wiki-error" for number in broken}
    wiki.broken = set()
    assert harvest(wiki, store, source).added == len(broken)
    assert quarantined(store) == {}


def test_titles_of_a_list_are_asked_apart(wiki: Broken, tmp_path: Path) -> None:
    titles = tmp_path / "titles.txt"
    titles.write_text("".join(f"T {number}.wav\n" for number in range(0, 70)))
    wiki.broken = {5, 69}
    report = harvest(wiki, tmp_path / "store", f"commons:List:{titles}")
    assert (report.added, report.quarantined) == (68, {"wiki-error": 2})


def test_a_search_that_the_wiki_ends_keeps_what_it_found_and_says_so(
    wiki: Broken, tmp_path: Path
) -> None:
    wiki.window = 100
    report = harvest(wiki, tmp_path / "store", SOURCES[0])
    assert report.added == 100
    [note] = report.notes
    assert "ends the listing here (cirrussearch-offset-too-large)" in note


@pytest.mark.parametrize("source", [*SOURCES, "commons:File:T 3.wav"])
def test_a_wiki_that_answers_nothing_is_tried_again_later(
    wiki: Broken, tmp_path: Path, source: str
) -> None:
    wiki.down = True
    with pytest.raises(InfrastructureError, match="internal_api_error"):
        harvest(wiki, tmp_path / "store", source)
    assert not (tmp_path / "store").exists()


def test_what_is_gone_is_found_although_one_page_is_broken(wiki: Broken, tmp_path: Path) -> None:
    store = tmp_path / "store"
    titles = tmp_path / "titles.txt"
    titles.write_text("".join(f"T {number}.wav\n" for number in range(10)))
    harvest(wiki, store, f"commons:List:{titles}")
    titles.write_text("T 0.wav\n")
    wiki.broken = {4}
    assert harvest(wiki, store, f"commons:List:{titles}").deleted == 0


@pytest.mark.parametrize(
    ("credit", "author"),
    [
        ("own work", "Uma"),
        ('<span class="int-own-work" lang="de">Eigenes Werk</span>', "Uma"),
        ("found in an attic", "Uma (uploader)"),
        ("", "Uma (uploader)"),
    ],
)
def test_the_uploader_is_named_where_nobody_else_is(
    wiki: Broken, tmp_path: Path, credit: str, author: str
) -> None:
    wiki.fields = {"LicenseShortName": "CC BY-SA 4.0", "Artist": "", "Credit": credit}
    report = harvest(wiki, tmp_path / "store", "commons:File:T 3.wav")
    [row] = Catalog(Store.open(str(tmp_path / "store")).storage).recordings().values()
    assert (row.author, row.licence, report.without_author) == (author, "CC-BY-SA-4.0", 0)


def test_a_licence_that_asks_for_nobody_needs_no_uploader(wiki: Broken, tmp_path: Path) -> None:
    wiki.fields = {"LicenseShortName": "CC0", "Artist": ""}
    report = harvest(wiki, tmp_path / "store", "commons:File:T 3.wav")
    [row] = Catalog(Store.open(str(tmp_path / "store")).storage).recordings().values()
    assert (row.author, report.without_author) == ("", 0)
