"""Rights that contradict each other in one content: the stricter hold, whoever comes first."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.sources.catalog_writer import CatalogWriter
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.resolve import resolve
from sequencer.rights.claims import asks_for_author, stricter
from sequencer.rights.rights import Rights
from tests.nsynth_batch.builders import ROW
from tests.nsynth_batch.recordings import tone, write_wav

LICENCES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "LicenseRef-mine")
HEAD = "file,author,licence\n"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "store"))


def claimed(folder: Path, storage: Storage, **rows: tuple[str, str]) -> Harvest:
    """Harvest copies of one recording with the rights of each."""
    for name in rows:
        write_wav(folder / f"{name}.wav", tone(0.3, 440.0))
    lines = (f"{name}.wav,{author},{licence}\n" for name, (author, licence) in rows.items())
    (folder / "sources.csv").write_text(HEAD + "".join(lines))
    return harvest(resolve(str(folder)), lambda: storage)


def only(storage: Storage) -> Recording:
    [row] = Catalog(storage).recordings().values()
    return row


@pytest.mark.parametrize("order", itertools.permutations("abc"))
def test_the_order_of_paths_decides_nothing(
    tmp_path: Path, storage: Storage, order: tuple[str, ...]
) -> None:
    claims = [("Ann", "CC0-1.0"), ("Bob", "CC-BY-SA-4.0"), ("Cat", "CC-BY-4.0")]
    named = dict(zip(order, claims, strict=True))
    report = claimed(tmp_path / "in", storage, **named)
    row = only(storage)
    assert (row.author, row.licence) == ("Bob", "CC-BY-SA-4.0")
    assert (report.contradictions, report.duplicates, report.updated) == (1, 2, 0)
    [note] = report.notes
    assert "(CC-BY-SA-4.0 holds)" in note
    assert all(f"{name}.wav" in note for name in order)
    before = row
    again = claimed(tmp_path / "in", storage, **named)
    assert (again.contradictions, again.updated) == (1, 0)
    assert only(storage) == before


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    claims=st.lists(
        st.tuples(st.sampled_from(["Ann", "Bob"]), st.sampled_from(LICENCES)),
        min_size=1,
        max_size=4,
    )
)
@example(claims=[("Bob", "LicenseRef-mine"), ("Ann", "LicenseRef-mine"), ("Ann", "CC-BY-4.0")])
def test_harvests_one_after_the_other_end_where_one_of_all_does(
    tmp_path_factory: pytest.TempPathFactory, claims: list[tuple[str, str]]
) -> None:
    here = tmp_path_factory.mktemp("claims")
    storage = open_storage(str(here / "store"))
    for _ in range(2):
        for number, claim in enumerate(claims):
            claimed(here / f"in{number}", storage, x=claim)
    row = only(storage)
    wanted = stricter([Rights("x", author, licence) for author, licence in claims])
    assert row.licence == wanted.licence
    # Whoever was named beside a licence that gave way later may be named still.
    if asks_for_author(row.licence):
        assert set(wanted.author.split("; ")) <= set(row.author.split("; "))


def test_a_claim_of_joined_rights_is_replaced_alone(tmp_path: Path, storage: Storage) -> None:
    claimed(tmp_path / "a", storage, x=("Ann", "CC-BY-SA-4.0"))
    claimed(tmp_path / "b", storage, x=("Bob", "CC-BY-NC-4.0"))
    assert only(storage).licence == "CC-BY-NC-4.0 AND CC-BY-SA-4.0"
    for name, claim in (("a", ("Ann", "CC-BY-SA-4.0")), ("b", ("Bob", "CC-BY-NC-4.0"))):
        report = claimed(tmp_path / name, storage, x=claim)
        assert (report.updated, report.contradictions) == (0, 1)
        assert only(storage).licence == "CC-BY-NC-4.0 AND CC-BY-SA-4.0"
    claimed(tmp_path / "b", storage, x=("Bob", "CC0-1.0"))
    assert (only(storage).author, only(storage).licence) == ("Ann", "CC-BY-SA-4.0")


def test_what_a_table_says_later_of_the_same_file_replaces_what_it_said(
    tmp_path: Path, storage: Storage
) -> None:
    claimed(tmp_path / "in", storage, a=("Bob", "CC-BY-SA-4.0"))
    report = claimed(tmp_path / "in", storage, a=("Ann", "CC0-1.0"))
    assert (report.updated, report.contradictions) == (1, 0)
    assert only(storage).licence == "CC0-1.0"


def test_a_file_that_was_moved_and_has_other_rights_now_contradicts_nothing(
    tmp_path: Path, storage: Storage
) -> None:
    claimed(tmp_path / "in", storage, a=("Bob", "CC-BY-SA-4.0"))
    (tmp_path / "in" / "a.wav").unlink()
    report = claimed(tmp_path / "in", storage, b=("Ann", "CC0-1.0"))
    assert (report.updated, report.contradictions) == (1, 0)
    assert only(storage).licence == "CC0-1.0"


def test_corrected_rights_of_all_copies_end_a_contradiction(
    tmp_path: Path, storage: Storage
) -> None:
    claimed(tmp_path / "in", storage, a=("Ann", "CC0-1.0"), b=("Bob", "CC-BY-SA-4.0"))
    report = claimed(tmp_path / "in", storage, a=("Ann", "CC0-1.0"), b=("Ann", "CC0-1.0"))
    assert (report.updated, report.contradictions) == (1, 0)
    assert (only(storage).licence, only(storage).author) == ("CC0-1.0", "Ann")


def test_a_page_of_a_wiki_replaces_its_own_words_and_no_others(storage: Storage) -> None:
    page = replace(ROW, revision="1", page_url="https://wiki.example/A", source_path="File:A.wav")
    page = page.with_rights(replace(page.rights(), licence="CC-BY-SA-4.0", author="Ann"))

    def add(row: Recording) -> Harvest:
        report = Harvest()
        catalog = CatalogWriter(storage, report)
        catalog.add(row)
        catalog.finish()
        return report

    add(page)
    other = replace(page, page_url="https://wiki.example/B", source_path="File:B.wav")
    freed = other.with_rights(replace(other.rights(), licence="CC0-1.0"))
    assert add(freed).contradictions == 1
    assert only(storage).licence == "CC-BY-SA-4.0"
    freed = page.with_rights(replace(page.rights(), licence="CC0-1.0"))
    assert add(freed).contradictions == 0
    assert only(storage).licence == "CC0-1.0"


def test_an_interrupted_harvest_gives_no_claim_up(tmp_path: Path, storage: Storage) -> None:
    claimed(tmp_path / "in", storage, a=("Ann", "CC0-1.0"), b=("Bob", "CC-BY-SA-4.0"))
    report = Harvest()
    catalog = CatalogWriter(storage, report, lambda row: True)
    row = only(storage)
    ann = replace(row, source_path="a.wav").with_rights(Rights("a", "Ann", "CC0-1.0"))
    catalog.add(ann)
    catalog.finish(complete=False)
    assert only(storage) == row


def test_licences_that_ask_for_an_author_and_have_none_are_counted(
    tmp_path: Path, storage: Storage
) -> None:
    report = claimed(tmp_path / "in", storage, a=("", "CC-BY-4.0"))
    assert report.without_author == 1
    report = claimed(tmp_path / "in", storage, a=("", "CC-BY-4.0"), b=("Ann", "CC-BY-4.0"))
    assert (report.without_author, only(storage).author) == (0, "Ann")
    assert claimed(tmp_path / "other", storage, a=("", "CC0-1.0")).without_author == 0
