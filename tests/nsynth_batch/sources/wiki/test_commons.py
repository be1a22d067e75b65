"""Harvests of a real wiki: what is listed, taken, left out, changed and gone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.sources.resolve import web_source
from nsynth_batch.sources.web.harvest import harvest_web
from nsynth_batch.sources.web.preview import preview_web
from nsynth_batch.sources.wiki.commons import CommonsSource, read_titles
from nsynth_batch.sources.wiki.mediawiki import MediaWiki
from tests.components.faults import Fault, FaultProxy
from tests.components.mediawiki import Upload, Wiki
from tests.nsynth_batch.recordings import tone, write_wav
from tests.nsynth_batch.sources.wikis import (
    CC0,
    GULL,
    NON_FREE,
    catalog,
    every_row,
    harvest,
    raw,
    settings_for,
)

BIRDS = "commons:Category:Bird songs"


def sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def test_a_category_is_taken_with_those_below_though_they_go_round(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    report = harvest(front, tmp_path, BIRDS)
    names = {"Robin.wav", GULL, "Gull two.wav", "Deep one.wav", "Nobody's.wav"}
    assert set(catalog(tmp_path)) == {f"File:{name}" for name in names}
    assert raw(tmp_path) == {sha1(wiki.stored(name)) for name in names}
    assert (report.found, report.added, report.duplicates) == (6, 5, 0)
    assert (report.other_files, report.without_rights) == (2, 1)
    assert report.quarantined == {"non-free": 1}
    assert report.bytes == sum(wiki.stored(name).stat().st_size for name in names)
    # Every listing and every file was asked for once.
    listed = [seen.path for seen in front.seen if "gcmtype=file" in seen.path]
    assert len(listed) == len(set(listed)) == 3
    assert len(front.files()) == 5


def test_the_catalog_has_the_rights_as_text(front: FaultProxy, tmp_path: Path) -> None:
    harvest(front, tmp_path, BIRDS)
    rows = catalog(tmp_path)
    robin = rows["File:Robin.wav"]
    assert (robin.title, robin.author, robin.licence) == ("Robin", "Ann O'Nym", "CC-BY-SA-3.0-DE")
    assert robin.attribution == "Ann O'Nym, field recordist"
    assert robin.page_url == f"http://{front.host}/index.php/File:Robin.wav"
    assert robin.revision is not None
    assert int(robin.revision) > 0
    assert robin.duration == pytest.approx(1.5)
    gull = rows[f"File:{GULL}"]
    assert (gull.author, gull.licence) == ("Бэлла & 鈴木", "CC0-1.0")
    assert gull.categories == ("Bird songs", "Gulls")
    assert rows["File:Nobody's.wav"].licence == "LicenseRef-unknown"
    assert not rows["File:Nobody's.wav"].usable


def test_depth_limits_how_far_down(front: FaultProxy, tmp_path: Path) -> None:
    assert harvest(front, tmp_path, BIRDS, depth=0).added == 3
    assert harvest(front, tmp_path, BIRDS, depth=1).added == 1
    assert harvest(front, tmp_path, BIRDS, depth=2).added == 1


def test_who_asks_is_told(front: FaultProxy, tmp_path: Path) -> None:
    harvest(front, tmp_path, "commons:File:Robin.wav", contact="https://example.org/who")
    agents = {seen.headers["User-Agent"] for seen in front.seen}
    assert len(agents) == 1
    assert "(https://example.org/who)" in agents.pop()


def test_listings_go_on_over_several_pages(front: FaultProxy, tmp_path: Path) -> None:
    settings = settings_for(front, tmp_path)
    _, client = web_source("commons:File:x", settings)
    wiki = MediaWiki(client, front.api)
    source = CommonsSource(
        wiki, "commons:Category:Many", HarvestFilter(), {front.host}, pages_at_once=5
    )
    report = harvest_web(source, client, lambda: Store.open(str(tmp_path), create=True).storage)
    assert report.added == 12
    assert len([s for s in front.seen if "gcmtype=file" in s.path]) == 3


def test_a_second_harvest_asks_for_no_file(front: FaultProxy, tmp_path: Path) -> None:
    harvest(front, tmp_path, BIRDS)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    front.reset()
    report = harvest(front, tmp_path, BIRDS)
    assert (report.added, report.updated, report.deleted) == (0, 0, 0)
    assert not front.files()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_same_content_under_two_titles_is_fetched_once(
    front: FaultProxy, tmp_path: Path
) -> None:
    report = harvest(front, tmp_path, "commons:Category:Twins")
    assert (report.found, report.added, report.duplicates) == (2, 1, 1)
    assert len(front.files()) == 1
    front.reset()
    # Other titles, of another source, of content that the store has.
    assert harvest(front, tmp_path, "commons:File:Twin B.wav").added == 0
    assert not front.files()


def test_only_what_is_new_changed_or_gone_is_taken_up(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    store, source = tmp_path / "store", "commons:Category:Changes"
    assert harvest(front, store, source).added == 4
    before = catalog(store)
    new = write_wav(tmp_path / "new.wav", tone(0.5, 1000))
    other = write_wav(tmp_path / "other.wav", tone(0.6, 1100))
    wiki.upload({"Changing.wav": Upload(other, ("Changes",), CC0)}, replace=True)
    wiki.upload({"Coming.wav": Upload(new, ("Changes",), CC0)})
    wiki.delete(["File:Going.wav"])
    wiki.describe("Staying.wav", CC0)
    wiki.describe("Turning.wav", NON_FREE)
    front.reset()
    report = harvest(front, store, source)
    assert (report.added, report.updated, report.deleted) == (2, 1, 3)
    assert len(front.files()) == 2
    rows = {row.file_id: row for row in every_row(store)}
    assert rows[sha1(new)].source_path == "File:Coming.wav"
    assert rows[sha1(other)].source_path == "File:Changing.wav"
    assert rows[sha1(other)].revision != before["File:Changing.wav"].revision
    assert {row.source_path for row in rows.values() if row.deleted} == {
        "File:Changing.wav",
        "File:Going.wav",
        "File:Turning.wav",
    }
    assert catalog(store)["File:Staying.wav"].licence == "CC0-1.0"
    again = harvest(front, store, source)
    assert (again.added, again.updated, again.deleted) == (0, 0, 0)


def test_a_recording_outside_of_the_listing_is_not_taken_for_gone(
    front: FaultProxy, tmp_path: Path
) -> None:
    harvest(front, tmp_path, "commons:Category:Many")
    report = harvest(front, tmp_path, "commons:File:Robin.wav")
    assert report.deleted == 0
    assert not any(row.deleted for row in every_row(tmp_path))


def test_refusals_are_kept_with_their_reason_until_they_are_settled(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    titles = tmp_path / "titles.txt"
    titles.write_text("# mine\nNot free.wav\n\nFile:No such.wav\nRobin.wav\n")
    store = tmp_path / "store"
    report = harvest(front, store, f"commons:List:{titles}")
    assert (report.found, report.added) == (3, 1)
    known = HarvestQuarantine(Store.open(str(store)).storage).known
    assert {name: refusal.reason for name, refusal in known.items()} == {
        "File:Not free.wav": "non-free",
        "File:No such.wav": "missing-file",
    }
    assert "Fair use" in known["File:Not free.wav"].detail
    wiki.describe("Not free.wav", CC0)
    try:
        assert harvest(front, store, f"commons:List:{titles}").added == 1
    finally:
        wiki.describe("Not free.wav", NON_FREE)
    assert set(HarvestQuarantine(Store.open(str(store)).storage).known) == {"File:No such.wav"}


@pytest.mark.parametrize(
    ("filters", "taken", "left_out"),
    [
        ({"min_seconds": 1.0}, {"Robin.wav"}, {"shorter than --min-seconds": 4}),
        (
            {"max_seconds": 1.0, "types": ("wav", "flac")},
            {GULL, "Gull two.wav", "Deep one.wav", "Nobody's.wav"},
            {"longer than --max-seconds": 1, "unknown length": 1},
        ),
        (
            {"max_bytes": 20_000, "depth": 0, "types": ("flac", "wav")},
            {GULL, "Nobody's.wav", "Crow.flac"},
            {"more than --max-bytes": 1},
        ),
        (
            {"licence": ("cc-by-*", "GFDL-1.3-only")},
            {"Robin.wav", "Gull two.wav"},
            {"another --licence": 3},
        ),
        ({"since": "2100-01-01"}, set(), {"older than --since": 5}),
        ({"types": ("flac",)}, {"Crow.flac"}, {}),
    ],
)
def test_filters_leave_out_and_count(
    front: FaultProxy,
    tmp_path: Path,
    filters: dict[str, Any],
    taken: set[str],
    left_out: dict[str, int],
) -> None:
    report = harvest(front, tmp_path, BIRDS, **filters)
    assert set(catalog(tmp_path)) == {f"File:{name}" for name in taken}
    assert report.skipped == left_out


@pytest.mark.parametrize(
    "source", ["commons:Category:Category:bird_songs", "commons:category: Bird songs "]
)
def test_a_category_is_found_however_it_is_written(
    front: FaultProxy, tmp_path: Path, source: str
) -> None:
    assert harvest(front, tmp_path, source, depth=0).added == 3
    assert harvest(front, tmp_path, "commons:File:file:robin.wav").quarantined == {}


def test_a_category_that_lost_its_last_file_has_none_left(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    only = write_wav(tmp_path / "only.wav", tone(0.4, 1200))
    wiki.upload({"Only.wav": Upload(only, ("Emptied",), CC0)})
    wiki.write_page("Category:Emptied", "Once it had a file.")
    store = tmp_path / "store"
    assert harvest(front, store, "commons:Category:Emptied").added == 1
    wiki.delete(["File:Only.wav"])
    report = harvest(front, store, "commons:Category:Emptied")
    assert (report.found, report.deleted) == (0, 1)
    assert report.notes == ("the category is there, and has no files now",)
    assert catalog(store)["File:Only.wav"].deleted


def test_a_limit_is_said(front: FaultProxy, tmp_path: Path) -> None:
    report = harvest(front, tmp_path, "commons:Category:Many", limit=2)
    assert report.added == 2
    assert report.notes == ("--limit 2 ends the listing: there may be more",)


def test_a_search_finds_recordings(front: FaultProxy, tmp_path: Path) -> None:
    assert harvest(front, tmp_path, "commons:Search:robin").added == 1


def test_a_preview_fetches_nothing(front: FaultProxy, tmp_path: Path) -> None:
    harvest(front, tmp_path, "commons:Category:Gulls", depth=0)
    front.reset()
    place, _ = web_source(BIRDS, settings_for(front, tmp_path))
    found, seconds, _ = preview_web(place, Store.open(str(tmp_path)).storage)
    assert (found.found, found.added, found.quarantined.total()) == (6, 3, 1)
    assert seconds == pytest.approx(1.5 + 2 * 0.4)
    assert not front.files()


def test_a_preview_knows_what_was_forgotten(front: FaultProxy, tmp_path: Path) -> None:
    harvest(front, tmp_path, "commons:File:Robin.wav")
    store = Store.open(str(tmp_path))
    robin = catalog(tmp_path)["File:Robin.wav"]
    add_tombstone(store.storage, Tombstone(robin.file_id, page_url=robin.page_url))
    store.storage.delete(robin.raw_url)
    place, _ = web_source("commons:File:Robin.wav", settings_for(front, tmp_path))
    found, _, _ = preview_web(place, store.storage)
    assert (found.found, found.added, found.forgotten) == (1, 0, 1)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"filehidden": True, "suppressed": True}, "hidden-file"),
        ({"url": "http://a.example/a.wav", "sha1": "../../../x"}, "hidden-file"),
        ({"url": "http://a.example/a.wav", "sha1": False}, "hidden-file"),
        ({"filemissing": True}, "missing-file"),
    ],
)
def test_a_file_whose_content_is_not_told_is_refused(
    front: FaultProxy, tmp_path: Path, file: dict[str, Any], reason: str
) -> None:
    page = {"title": "File:A.wav", "imageinfo": [{"timestamp": "2020-01-01T00:00:00Z", **file}]}
    answer = {"batchcomplete": True, "query": {"pages": [page]}}
    front.fail("api.php", Fault(200, body=json.dumps(answer).encode()))
    report = harvest(front, tmp_path, "commons:File:A.wav")
    assert (report.added, report.quarantined) == (0, {reason: 1})


def test_what_is_told_in_parts_is_put_together(front: FaultProxy, tmp_path: Path) -> None:
    pages = MediaWiki(web_source("commons:File:x", settings_for(front, tmp_path))[1], front.api)
    parts = [
        {
            "continue": {"clcontinue": "1|B", "continue": "||imageinfo"},
            "warnings": {"main": {"warnings": "Unrecognized parameter"}},
            "query": {"pages": [
                {"title": "File:A.wav", "categories": [{"title": "Category:A"}]},
                {"title": "File:B.wav", "imageinfo": [{"sha1": "b"}]},
            ]},
        },
        {
            "batchcomplete": True,
            "continue": {"gcmcontinue": "file|C", "continue": "gcmcontinue||"},
            "query": {"pages": [
                {"title": "File:A.wav", "categories": [{"title": "Category:B"}],
                 "imageinfo": [{"sha1": "a"}]},
                {"title": "File:B.wav"},
            ]},
        },
        {"batchcomplete": True, "query": {"pages": [{"title": "File:C.wav", "missing": True}]}},
    ]  # fmt: skip
    front.fail("api.php", *(Fault(200, body=json.dumps(part).encode()) for part in parts))
    assert list(pages.pages({"generator": "categorymembers"})) == [
        {
            "title": "File:A.wav",
            "categories": [{"title": "Category:A"}, {"title": "Category:B"}],
            "imageinfo": [{"sha1": "a"}],
        },
        {"title": "File:B.wav", "imageinfo": [{"sha1": "b"}]},
        {"title": "File:C.wav", "missing": True},
    ]
    asked = [seen.path for seen in front.seen]
    assert ["clcontinue" in path for path in asked] == [False, True, False]
    assert ["gcmcontinue" in path for path in asked] == [False, False, True]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("commons:Category:No such", "no files there"),
        ("commons:Category:", "not one of"),
        ("commons:Bird songs", "not one of"),
        ("commons:List:missing.txt", "missing.txt"),
        ("commons:Category:a|b", "invalidtitle"),
    ],
)
def test_a_wrong_source_is_said_and_leaves_no_store(
    front: FaultProxy, tmp_path: Path, source: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        harvest(front, tmp_path / "store", source)
    assert not (tmp_path / "store").exists()


def test_no_contact_no_harvest(front: FaultProxy, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--contact"):
        harvest(front, tmp_path, BIRDS, contact=None)
    with pytest.raises(UsageError, match="neither an e-mail address nor a page"):
        harvest(front, tmp_path, BIRDS, contact="me")
    assert not front.seen


def test_titles_are_read_with_or_without_their_namespace(tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_text("\ufeffFile:A.wav\nB_b.wav\r\nfile:A.wav\nFile:A.wav\n")
    assert read_titles(path) == ["File:A.wav", "File:B b.wav"]
    path.write_text("A.wav|B.wav\n")
    with pytest.raises(UsageError, match="no title has"):
        read_titles(path)
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="no title in it"):
        read_titles(path)
