from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError, JobError, UsageError


def test_a_new_store_can_be_opened_again(tmp_path: Path) -> None:
    Store.open(str(tmp_path / "new"), create=True)
    assert (tmp_path / "new/store.json").read_text() == '{"format":1}\n'
    Store.open(str(tmp_path / "new"))
    Store.open((tmp_path / "new").as_uri(), create=True)


def test_an_empty_folder_can_become_one(tmp_path: Path) -> None:
    Store.open(str(tmp_path), create=True)


def test_nothing_is_no_store_and_stays_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a store"):
        Store.open(str(tmp_path / "missing"))
    assert not (tmp_path / "missing").exists()


def test_a_foreign_folder_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(UsageError, match="not empty"):
        Store.open(str(tmp_path), create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    for create in (False, True):
        with pytest.raises(UsageError, match="but a file"):
            Store.open(str(path), create=create)


@pytest.mark.parametrize("marker", ['{"format": 2}', "{}", "[]", "no JSON", '{"format": "1"}'])
def test_an_unknown_format_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / "store.json").write_text(marker)
    for create in (False, True):
        with pytest.raises(UsageError, match=r"format|JSON") as error:
            Store.open(str(tmp_path), create=create)
        assert "\n" not in str(error.value)


def test_settings_are_the_dataset(store: Store) -> None:
    one = store.dataset("audio", {"rate": 16000, "cut": [1.5, None]})
    assert one.digest == store.dataset("audio", {"cut": (1.5, None), "rate": 16000}).digest
    assert one.digest != store.dataset("audio", {"rate": 16001, "cut": [1.5, None]}).digest
    assert one.digest != store.dataset("clips", {"rate": 16000, "cut": [1.5, None]}).digest
    assert one.path == f"audio/{one.digest}"


def test_the_dataset_planned_last_is_the_current_one(store: Store) -> None:
    assert store.current_of("audio") is None
    assert store.datasets("audio") == []
    first, second = (store.dataset("audio", {"n": n}) for n in (1, 2))
    first.plan([Item("a")], 1)
    second.plan([Item("a")], 1)
    assert store.current_of("audio").digest == second.digest
    first.plan([Item("a")], 1)
    latest = store.current_of("audio")
    assert (latest.digest, latest.settings) == (first.digest, {"n": 1})
    second.plan([Item("b")], 1, dry_run=True)
    assert store.current_of("audio").digest == first.digest
    assert {each.digest for each in store.datasets("audio")} == {first.digest, second.digest}


def test_each_producer_has_a_current_dataset_of_its_own(store: Store) -> None:
    plain, rain, snow, later = (
        store.dataset("clips", {"n": n}, producer)
        for n, producer in enumerate(("", "generate/rain", "generate/snow", "generate/rain"))
    )
    rain.plan([Item("a")], 1)
    assert store.current_of("clips") is None
    assert [each.digest for each in store.current("clips")] == [rain.digest]
    for dataset in (plain, snow, later):
        dataset.plan([Item("a")], 1)
    found = {each.producer: each.digest for each in store.current("clips")}
    assert found == {
        "": plain.digest, "generate/rain": later.digest, "generate/snow": snow.digest,
    }  # fmt: skip
    assert next(iter(found)) == ""
    assert store.current_of("clips", "generate/hail") is None
    assert store.names() == ["clips"]
    assert len(store.datasets("clips")) == 4


def test_a_pointer_of_release_0_1_is_that_of_the_producer_without_a_name(store: Store) -> None:
    old, new = (store.dataset("clips", {"n": n}) for n in (1, 2))
    old.plan([Item("a")], 1)
    pointer = f'{{"digest":"{old.digest}","planned_at":"2026-01-01T00:00:00Z"}}'
    store.storage.replace("clips/latest.json", pointer.encode())
    assert store.current_of("clips").digest == old.digest
    rain = store.dataset("clips", {"n": 3}, "generate/rain")
    rain.plan([Item("a")], 1)
    assert [each.digest for each in store.current("clips")] == [old.digest, rain.digest]
    new.plan([Item("a")], 1)
    assert [each.digest for each in store.current("clips")] == [new.digest, rain.digest]


@pytest.mark.parametrize(
    "content", ["{}", '{"producers":[]}', '{"producers":{"x":1}}', '{"producers":{"x":{}}}', "["]
)
def test_a_damaged_pointer_is_named(store: Store, content: str) -> None:
    store.dataset("clips", {}).plan([], 1)
    store.storage.replace("clips/latest.json", content.encode())
    for use in (store.current, store.current_of):
        with pytest.raises(UsageError, match=r"clips/latest\.json: .*restore"):
            use("clips")


def test_a_dataset_is_found_by_its_digest_as_long_as_it_is_there(store: Store) -> None:
    dataset = store.dataset("audio", {"n": 1})
    assert store.existing("audio", dataset.digest) is None
    dataset.plan([Item("a")], 1)
    found = store.existing("audio", dataset.digest)
    assert found is not None
    assert (found.digest, found.settings) == (dataset.digest, {"n": 1})
    assert store.existing("clips", dataset.digest) is None
    store.storage.delete(dataset.path, recursive=True)
    assert store.existing("audio", dataset.digest) is None


def test_altered_settings_are_refused(store: Store) -> None:
    dataset = store.dataset("audio", {"n": 1})
    dataset.plan([Item("a")], 1)
    store.storage.replace(f"{dataset.path}/settings.json", b'{"n":2}')
    for use in (lambda: store.current_of("audio"), lambda: dataset.plan([], 1)):
        with pytest.raises(UsageError, match="altered"):
            use()


def test_settings_that_are_missing_are_missed_only_where_something_was_committed(
    store: Store,
) -> None:
    dataset = store.dataset("audio", {"n": 1})
    dataset.plan([Item("a")], 1)
    store.storage.delete(f"{dataset.path}/settings.json")
    assert store.datasets("audio") == []
    store.storage.publish(f"{dataset.path}/manifests/00000000-{'0' * 16}.json", b"")
    with pytest.raises(UsageError, match="settings are missing"):
        store.datasets("audio")


@pytest.mark.parametrize("name", ["runs", "quarantine", "", "../x", "A", "a/b"])
def test_some_names_are_not_for_datasets(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        store.dataset(name, {})


def test_exit_codes() -> None:
    assert [kind.exit_code for kind in (JobError, UsageError, InfrastructureError)] == [1, 2, 75]


def test_reading_a_store_loads_neither_dask_nor_arrow() -> None:
    code = (
        "import sys, hdfs_jobs.datasets.store, hdfs_jobs.runs.runner, hdfs_jobs.runs.gc;"
        "sys.exit(any(name in sys.modules for name in ('dask', 'distributed', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
