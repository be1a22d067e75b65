"""Servers that are busy, lie, break off or send elsewhere: nothing lost, nothing stored wrong."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError, UsageError
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.sources.web.partial_file import PARTIALS
from tests.components.faults import MAXLAG, Fault, FaultProxy
from tests.components.mediawiki import Upload, Wiki
from tests.nsynth_batch.recordings import tone, write_wav
from tests.nsynth_batch.sources.wikis import CC0, catalog, harvest, raw

FAULTS = "commons:Category:Faults"
FILE = "/img_auth.php"
BUSY = Fault(429, {"Retry-After": "1"})


def whole(wiki: Wiki) -> set[str]:
    """Give the SHA-1 of every recording of the category."""
    names = [f"Fault {number}.wav" for number in range(6)]
    return {hashlib.sha1(wiki.stored(name).read_bytes()).hexdigest() for name in names}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(503), id="503"),
        pytest.param(Fault(500, body=b"oops"), id="500"),
        pytest.param(Fault(cut_after=30_000), id="cut"),
        pytest.param(Fault(cut_after=0), id="cut at once"),
        pytest.param(Fault(add_to_length=-100), id="too short a length"),
        pytest.param(Fault(add_to_length=100), id="too long a length"),
        pytest.param(Fault(flip=True), id="a byte is another"),
        pytest.param(Fault(404), id="missing for a moment"),
        pytest.param(Fault(200, {"Content-Type": "text/html"}, b"<html>busy"), id="a page"),
    ],
)
def test_what_passes_is_tried_again(
    front: FaultProxy, wiki: Wiki, tmp_path: Path, fault: Fault
) -> None:
    front.fail(FILE, fault, times=2)
    report = harvest(front, tmp_path, FAULTS)
    assert (report.added, report.quarantined.total(), report.unfetched) == (6, 0, 0)
    assert raw(tmp_path) == whole(wiki)
    assert not list((tmp_path / PARTIALS).glob("*"))


@pytest.mark.parametrize("hidden", [False, True])
def test_a_broken_connection_is_taken_up_where_it_was(
    front: FaultProxy, tmp_path: Path, hidden: bool
) -> None:
    first_cut = Fault(cut_after=40_000, hide_length=hidden)
    front.fail("Fault_1", first_cut, Fault(cut_after=20_000, hide_length=hidden))
    assert harvest(front, tmp_path, "commons:File:Fault 1.wav").added == 1
    first, second, third = front.files("Fault_1")
    assert "Range" not in first.headers
    assert second.headers["Range"] == "bytes=40000-"
    assert third.headers["Range"] == "bytes=60000-"
    assert second.headers["If-Range"]
    assert third.status == 206
    assert first.bytes + second.bytes + third.bytes == 96_044


def test_a_server_that_knows_no_parts_sends_all_again(front: FaultProxy, tmp_path: Path) -> None:
    front.fail("Fault_1", Fault(cut_after=40_000), Fault(strip_range=True))
    assert harvest(front, tmp_path, "commons:File:Fault 1.wav").added == 1
    assert [seen.status for seen in front.files()] == [200, 200]
    raw(tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(206, {"Content-Range": "bytes 0-99/96044"}, b"x" * 100),
        Fault(206, {}, b"x" * 100),
        Fault(416, {"Content-Range": "bytes */96044"}),
    ],
)
def test_another_part_than_asked_for_is_not_taken(
    front: FaultProxy, tmp_path: Path, fault: Fault
) -> None:
    front.fail("Fault_1", Fault(cut_after=40_000), fault)
    assert harvest(front, tmp_path, "commons:File:Fault 1.wav").added == 1
    # It begins anew, and needs no asking of the wiki for it.
    assert [seen.headers.get("Range") for seen in front.files()] == [None, "bytes=40000-", None]
    assert len(raw(tmp_path)) == 1


def test_a_slow_body_is_given_up_and_asked_for_again(front: FaultProxy, tmp_path: Path) -> None:
    front.fail("Fault_1", Fault(pace=(0.1, 20)))
    report = harvest(front, tmp_path, "commons:File:Fault 1.wav", harvest_timeout=0.6)
    assert report.added == 1
    slow, rest = front.files()
    assert 0 < slow.bytes < 1000
    assert rest.headers["Range"].startswith("bytes=")


@pytest.mark.parametrize("when", ["seconds", "date"])
def test_retry_after_holds_back_every_download(
    front: FaultProxy, wiki: Wiki, tmp_path: Path, when: str
) -> None:
    # A date has whole seconds: two from now are more than one.
    asked = {"seconds": "1", "date": lambda: formatdate(time.time() + 2, usegmt=True)}
    front.fail(FILE, Fault(429, {"Retry-After": asked[when]}))
    assert harvest(front, tmp_path, FAULTS).added == 6
    assert raw(tmp_path) == whole(wiki)
    refused = next(seen for seen in front.files() if seen.status == 429)
    after = [seen.started - refused.ended for seen in front.files() if seen is not refused]
    # The other of two at once may have been on its way; none begins before the time.
    assert len([wait for wait in after if -0.1 < wait < 0.9]) <= 1
    assert len([wait for wait in after if wait >= 0.9]) >= 5


def test_lag_and_trouble_of_the_wiki_are_waited_for(front: FaultProxy, tmp_path: Path) -> None:
    front.fail("gcmtype=file", MAXLAG, BUSY, Fault(200, body=b"<html>"), Fault(cut_after=0))
    assert harvest(front, tmp_path, FAULTS, retries=4).added == 6
    asked = [seen for seen in front.seen if "gcmtype=file" in seen.path]
    assert all("maxlag=5" in seen.path for seen in asked)
    assert [seen.status for seen in asked] == [200, 429, 200, 200, 200]
    assert asked[1].started - asked[0].ended >= 1
    assert asked[2].started - asked[1].ended >= 1


def test_a_pause_that_is_too_long_is_left_to_the_next_run(
    front: FaultProxy, tmp_path: Path
) -> None:
    front.fail("api.php", Fault(503, {"Retry-After": "86400"}))
    with pytest.raises(InfrastructureError, match="asks to wait 86400 s"):
        harvest(front, tmp_path, FAULTS)


def test_a_wiki_that_is_down_keeps_what_came(front: FaultProxy, tmp_path: Path) -> None:
    front.fail("Category%3AMany", Fault(503), times=100)
    titles = tmp_path / "titles.txt"
    titles.write_text("\n".join(f"Fault {n}.wav" for n in range(6)))
    store = tmp_path / "store"
    assert harvest(front, store, f"commons:List:{titles}").added == 6
    with pytest.raises(InfrastructureError, match="answers 503, after 4 tries"):
        harvest(front, store, "commons:Category:Many")
    assert len(catalog(store)) == 6


def test_one_file_that_cannot_be_had_does_not_keep_the_others(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    front.fail("Fault_2", Fault(503), times=100)
    report = harvest(front, tmp_path, FAULTS)
    assert (report.added, report.unfetched, report.found) == (5, 1, 6)
    front.reset()
    report = harvest(front, tmp_path, FAULTS)
    assert (report.added, report.unfetched) == (1, 0)
    assert len(front.files()) == 1
    assert raw(tmp_path) == whole(wiki)


def test_a_host_that_is_down_is_left_alone_soon(front: FaultProxy, tmp_path: Path) -> None:
    front.fail(FILE, Fault(503), times=1000)
    with pytest.raises(InfrastructureError, match="answers 503"):
        harvest(front, tmp_path, "commons:Category:Many", retries=1)
    assert len(front.files()) <= 2 * 5


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(flip=True), "wrong-sha1"),
        (Fault(add_to_length=-100), "wrong-length"),
        (Fault(404), "missing-file"),
        (Fault(418), "http-418"),
    ],
)
def test_what_stays_wrong_is_quarantined(
    front: FaultProxy, tmp_path: Path, fault: Fault, reason: str
) -> None:
    front.fail("Fault_3", fault, times=100)
    report = harvest(front, tmp_path, FAULTS)
    assert (report.added, report.quarantined) == (5, {reason: 1})
    refusals = HarvestQuarantine(Store.open(str(tmp_path)).storage).known
    assert refusals["File:Fault 3.wav"].reason == reason
    assert len(raw(tmp_path)) == 5
    assert not list((tmp_path / PARTIALS).glob("*"))


def test_a_host_that_forbids_everything_ends_the_harvest(front: FaultProxy, tmp_path: Path) -> None:
    front.fail(FILE, Fault(403), times=1000)
    with pytest.raises(UsageError, match="--contact"):
        harvest(front, tmp_path, "commons:Category:Many")


def test_a_redirect_to_elsewhere_is_refused(front: FaultProxy, tmp_path: Path) -> None:
    elsewhere = FaultProxy(front.upstream)
    try:
        away = {"Location": f"http://{elsewhere.host}/img_auth.php/x.wav"}
        front.fail("Fault_3", Fault(302, away))
        front.fail("Fault_4", Fault(301, {"Location": "file:///etc/hostname"}))
        report = harvest(front, tmp_path, FAULTS)
        assert (report.added, report.quarantined) == (4, {"foreign-host": 2})
        assert not elsewhere.seen
    finally:
        elsewhere.stop()


def test_a_redirect_on_the_same_host_is_followed(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    [path] = [p for p in wiki.stored("Fault 3.wav").parents if p.name == "images"]
    place = wiki.stored("Fault 3.wav").relative_to(path)
    front.fail("Fault_3", Fault(302, {"Location": f"/img_auth.php/{place}?moved"}))
    assert harvest(front, tmp_path, FAULTS).added == 6


def test_a_file_on_another_host_is_refused(front: FaultProxy, tmp_path: Path) -> None:
    report = harvest(front, tmp_path, FAULTS, upload_hosts=("upload.example.org",))
    assert (report.added, report.quarantined) == (0, {"foreign-host": 6})
    assert not front.files()


def test_a_file_that_changes_while_it_is_fetched_is_asked_for_again(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    old = write_wav(tmp_path / "old.wav", tone(4.0, 300))
    new = write_wav(tmp_path / "new.wav", tone(4.0, 310))
    wiki.upload({"Shifting.wav": Upload(old, ("Shifting",), CC0)})

    def change() -> None:
        wiki.upload({"Shifting.wav": Upload(new, ("Shifting",), CC0)}, replace=True)

    # The first half is of the old one; the rest is asked for when the new one is there.
    front.fail("Shifting.wav", Fault(halfway=change, cut_after=100_000))
    store = tmp_path / "store"
    report = harvest(front, store, "commons:Category:Shifting")
    assert (report.added, report.quarantined.total()) == (1, 0)
    assert raw(store) == {hashlib.sha1(new.read_bytes()).hexdigest()}
    assert catalog(store)["File:Shifting.wav"].file_id in raw(store)


def test_a_file_deleted_while_it_is_fetched_is_quarantined(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "short.wav", tone(4.0, 320))
    wiki.upload({"Short lived.wav": Upload(path, ("Short lived",), CC0)})
    front.fail(
        "Short_lived.wav",
        Fault(halfway=lambda: wiki.delete(["File:Short lived.wav"]), cut_after=100_000),
    )
    report = harvest(front, tmp_path / "store", "commons:Category:Short lived")
    assert (report.added, report.quarantined) == (0, {"missing-file": 1})


def test_a_harvest_that_is_asked_to_stop_keeps_all_that_came(
    front: FaultProxy, tmp_path: Path
) -> None:
    stop = threading.Event()
    front.fail("Fault_1", Fault(pace=(0.05, 8000), halfway=stop.set))
    source = "commons:File:Fault 1.wav"
    report = harvest(front, tmp_path, source, stop)
    assert report.drained
    kept = sum(p.stat().st_size for p in (tmp_path / PARTIALS).rglob("0*"))
    assert 0 < kept < 96_044
    front.reset()
    assert harvest(front, tmp_path, source).added == 1
    [rest] = front.files()
    assert rest.headers["Range"] == f"bytes={kept}-"
    assert rest.bytes == 96_044 - kept
    assert not list((tmp_path / PARTIALS).glob("*"))


def test_what_is_kept_of_another_version_is_not_mixed_in(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    source = "commons:File:Fault 1.wav"
    file_id = hashlib.sha1(wiki.stored("Fault 1.wav").read_bytes()).hexdigest()
    store = Store.open(str(tmp_path), create=True).storage
    with store.create(f"{PARTIALS}/{file_id}/{0:015d}") as stream:
        stream.write(bytes(50_000))
    assert harvest(front, tmp_path, source).added == 1
    assert raw(tmp_path) == {file_id}
    first, second = front.files()
    assert first.headers["Range"] == "bytes=50000-"
    assert "Range" not in second.headers


def test_what_is_called_audio_and_is_none_is_quarantined(
    front: FaultProxy, wiki: Wiki, tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text("no sound at all\n" * 100)
    wiki.upload({"Text.wav": Upload(text, ("Texts",), CC0)})
    report = harvest(front, tmp_path / "store", "commons:Category:Texts")
    assert (report.added, report.quarantined) == (0, {"not-audio": 1})


def test_a_store_that_cannot_be_written_ends_it(front: FaultProxy, tmp_path: Path) -> None:
    harvest(front, tmp_path, "commons:File:Fault 1.wav")
    shutil.rmtree(tmp_path / "raw")
    (tmp_path / "raw").write_text("no folder")
    with pytest.raises(NotADirectoryError):
        harvest(front, tmp_path, FAULTS)
