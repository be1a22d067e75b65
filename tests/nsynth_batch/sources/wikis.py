"""What the wiki of the tests holds, and how it is harvested."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import soundfile

from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.settings.settings import Settings
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.resolve import web_source
from nsynth_batch.sources.web.harvest import harvest_web
from tests.components.faults import FaultProxy
from tests.components.mediawiki import Upload, Wiki
from tests.nsynth_batch.recordings import RECORDINGS, tone, write_wav

GULL = "Чайка 鳥 — Ørn & co.wav"
BY_SA = {
    "License": "cc-by-sa-3.0",
    "LicenseShortName": "CC BY-SA 3.0 de",
    "LicenseUrl": "https://creativecommons.org/licenses/by-sa/3.0/de/deed.en",
    "Artist": '<a href="//example.org/wiki/User:Ann" title="User:Ann">Ann <b>O&#39;Nym</b></a>',
    "Attribution": "<span>Ann&nbsp;O&#39;Nym, field recordist</span>",
}
CC0 = {"License": "cc0", "LicenseShortName": "CC0", "Artist": "Бэлла &amp; 鈴木"}
CHORUS = {
    "Elec chime": BY_SA,
    "Drum roll": CC0,
    "Vinyl rewind": {"License": "cc-by-4.0"},
    "Guit e slide": {"License": "pd-self", "LicenseShortName": "Public domain"},
    "Loop tabla": {"License": "cc-by-sa-4.0"},
}
"""Recordings that are nothing like each other, as the wiki calls them."""

NON_FREE = {"NonFree": "true", "UsageTerms": "Fair use"}


def fill(wiki: Wiki, folder: Path) -> None:
    """Put recordings on the wiki, in categories that go round."""
    pitch = iter(range(200, 900, 7))

    def made(name: str, seconds: float = 0.4) -> Path:
        return write_wav(folder / name, tone(seconds, float(next(pitch))))

    birds = ("Bird songs",)
    twin = made("twin")
    picture = folder / "picture.png"
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
            "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
        )
    )
    files = {
        "Robin.wav": Upload(made("robin", 1.5), birds, BY_SA),
        GULL: Upload(made("gull"), ("Gulls", "Bird songs"), CC0),
        "Gull two.wav": Upload(made("two"), ("Gulls",), BY_SA),
        "Deep one.wav": Upload(made("deep"), ("Deep sounds",), CC0),
        "Nobody's.wav": Upload(made("nobody"), birds),
        "Not free.wav": Upload(made("unfree"), birds, NON_FREE),
        "Crow.flac": Upload(RECORDINGS / "misc_crow.flac", birds, CC0),
        "Picture.png": Upload(picture, birds, CC0),
        "Twin A.wav": Upload(twin, ("Twins",), CC0),
        "Changing.wav": Upload(made("changing"), ("Changes",), CC0),
        "Going.wav": Upload(made("going"), ("Changes",), CC0),
        "Staying.wav": Upload(made("staying"), ("Changes",), BY_SA),
        "Turning.wav": Upload(made("turning"), ("Changes",), CC0),
    }
    for number in range(12):
        files[f"Many {number:02d}.wav"] = Upload(made(f"many{number}"), ("Many",), CC0)
    for number in range(6):
        files[f"Fault {number}.wav"] = Upload(made(f"fault{number}", 3.0), ("Faults",), CC0)
    for number, (name, licence) in enumerate(CHORUS.items()):
        samples, rate = soundfile.read(RECORDINGS / f"{name.lower().replace(' ', '_')}.flac")
        cut = write_wav(folder / f"chorus{number}", samples[: 2 * rate], rate)
        files[f"{name}.wav"] = Upload(cut, ("Chorus",), licence | {"Artist": f"Maker {number}"})
    wiki.upload(files)
    # The wiki refuses the same content twice by itself, but not under another name by a script.
    wiki.upload({"Twin B.wav": Upload(twin, ("Twins",), BY_SA)})
    wiki.write_page("Category:Gulls", "[[Category:Bird songs]]")
    wiki.write_page("Category:Deep sounds", "[[Category:Gulls]]")
    wiki.write_page("Category:Bird songs", "[[Category:Deep sounds]] goes round")


def settings_for(front: FaultProxy, store: Path, **more: Any) -> Settings:
    """Give settings that mean the wiki behind a proxy."""
    given = {
        "store": str(store),
        "contact": "tests@example.org",
        "commons_api": front.api,
        "upload_hosts": (front.host,),
        "harvest_megabits": 4000.0,
        "harvest_backoff": 0.02,
        "harvest_timeout": 10.0,
    }
    return Settings(**{**given, **more})


def harvest(
    front: FaultProxy,
    store: Path,
    source: str,
    stop: threading.Event | None = None,
    **more: Any,
) -> Harvest:
    """Harvest a source of the wiki in this process."""
    place, client = web_source(source, settings_for(front, store, **more), stop)
    return harvest_web(place, client, lambda: Store.open(str(store), create=True).storage)


def catalog(store: Path) -> dict[str, Recording]:
    """Give the recordings of a store by their names on the wiki, deleted ones too."""
    return {row.source_path or "": row for row in every_row(store)}


def every_row(store: Path) -> list[Recording]:
    """Give all recordings of a store, deleted ones too."""
    return list(Catalog(Store.open(str(store)).storage).recordings().rows())


def raw(store: Path) -> set[str]:
    """Give the SHA-1 of every recording stored, having compared it with the content.

    A killed run may leave a file under a temporary name, which `gc` removes after a day: nothing
    that reads the store sees it, nor does this.
    """
    found = set()
    for entry in Store.open(str(store)).storage.walk("raw"):
        sha1 = hashlib.sha1((store / entry.path).read_bytes()).hexdigest()
        assert Path(entry.path).stem == sha1
        found.add(sha1)
    return found
