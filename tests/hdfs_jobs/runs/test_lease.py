"""One run at a time may write to a store: real processes that hold it, die, sleep and wake up."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

import pytest

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.lease import FOLDER, HOLDER, Holder, Lease, acquire
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.local import LocalStorage
from hdfs_jobs.storage.open import open_storage
from tests.components.hadoop import SCHEMES
from tests.components.s3 import SERVERS, S3Server
from tests.hdfs_jobs.builders import ended
from tests.system.faults.points import FaultyStorage
from tests.waiting import until

SECONDS = 1.2
BRIEF = 0.3


def hold(url: str, command: str, line: Connection) -> None:
    """Hold a store in a process of its own, and do what the test says."""
    try:
        lease = acquire(open_storage(url), command, seconds=SECONDS)
    except InfrastructureError as error:
        line.send(str(error))
        return
    assert lease is not None
    line.send("held")
    while (order := line.recv()) == "check":
        try:
            lease.check()
            line.send("held")
        except InfrastructureError as error:
            line.send(str(error))
    if order == "release":
        lease.release()


class Other:
    """Another process that wants the store."""

    def __init__(self, url: str, command: str = "another run") -> None:
        self._line, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["hdfs_jobs.runs.lease", "hdfs_jobs.storage.open"])
        self.process = context.Process(target=hold, args=(url, command, theirs))
        self.process.start()

    def says(self) -> str:
        assert self._line.poll(30)
        return str(self._line.recv())

    def told(self, order: str) -> None:
        self._line.send(order)

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


@contextmanager
def others(url: str, count: int = 1) -> Iterator[list[Other]]:
    started = [Other(url, f"run {n}") for n in range(count)]
    try:
        yield started
    finally:
        for other in started:
            other.end()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return LocalStorage(str(tmp_path / "store"))


def take(storage: Storage) -> Lease:
    lease = acquire(storage, "this run", seconds=SECONDS)
    assert lease is not None
    return lease


def files(storage: Storage) -> set[str]:
    return {entry.path for entry in storage.walk(FOLDER, temporary=True)}


def test_a_second_run_is_told_who_holds_the_store_and_since_when(storage: Storage) -> None:
    with others(storage.url) as (other,):
        assert other.says() == "held"
        told: list[str] = []
        with pytest.raises(InfrastructureError) as refused:
            acquire(storage, "this run", on_wait=lambda holder: told.append(str(holder)))
        assert refused.value.exit_code == 75
        line = str(refused.value)
        assert "\n" not in line
        assert f"run 0 of {told[0].split(' of ')[1]}" in line
        assert f"(process {other.process.pid}) since 20" in line
        other.told("check")
        assert other.says() == "held"


def test_a_released_store_is_free_at_once_and_nothing_is_left_behind(storage: Storage) -> None:
    take(storage).release()
    assert files(storage) == set()
    started = time.monotonic()
    take(storage).release()
    assert time.monotonic() - started < SECONDS


def test_a_killed_run_delays_the_next_by_the_time_it_is_waited_for(storage: Storage) -> None:
    with others(storage.url) as (other,):
        assert other.says() == "held"
        other.signal(signal.SIGKILL)
        other.process.join()
        started = time.monotonic()
        lease = take(storage)
        assert SECONDS <= time.monotonic() - started < 4 * SECONDS
        lease.check()
        lease.release()
    assert not storage.exists(HOLDER)


def test_of_many_who_find_a_dead_run_one_goes_on(storage: Storage) -> None:
    for _ in range(3):
        with others(storage.url) as (dead,):
            assert dead.says() == "held"
            dead.signal(signal.SIGKILL)
        with others(storage.url, count=6) as waiting:
            answers = [other.says() for other in waiting]
            (winner,) = (n for n, answer in enumerate(answers) if answer == "held")
            assert sum(f"is held by run {winner} of " in answer for answer in answers) == 5
            waiting[winner].told("release")
            waiting[winner].process.join(30)


class Overtaken(LocalStorage):
    """A store whose holder is another, or none, once the second look has read its file."""

    def __init__(self, root: str, holder: Holder, successor: Holder | None) -> None:
        super().__init__(root)
        self._holder, self._successor = holder, successor
        self._looks = 0

    def read_bytes(self, path: str) -> bytes:
        if path == f"{FOLDER}/{self._holder.id}.beat":
            self._looks += 1
            if self._looks == 2:
                after = self._successor and self._successor.to_bytes()
                assert self.replace_if(HOLDER, self._holder.to_bytes(), after)
                self.delete(path)
        return super().read_bytes(path)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_heartbeat_that_is_deleted_is_no_sign_of_life(tmp_path: Path, replaced: bool) -> None:
    dead, successor = Holder.here("a dead run", SECONDS), Holder.here("its successor", SECONDS)
    storage = Overtaken(str(tmp_path / "store"), dead, successor if replaced else None)
    assert storage.replace_if(HOLDER, None, dead.to_bytes())
    storage.replace(f"{FOLDER}/{dead.id}.beat", b"7")
    if not replaced:
        take(storage).release()
        return
    with pytest.raises(InfrastructureError, match="is held by its successor of "):
        acquire(storage, "this run", seconds=SECONDS)


def test_a_run_that_wakes_up_stops_and_leaves_the_store_to_the_next(storage: Storage) -> None:
    with others(storage.url) as (sleeper,):
        assert sleeper.says() == "held"
        sleeper.signal(signal.SIGSTOP)
        lease = take(storage)
        sleeper.signal(signal.SIGCONT)
        sleeper.told("check")
        line = sleeper.says()
        assert f"no sign of life for {SECONDS} seconds and this run of " in line
        sleeper.told("release")
        sleeper.process.join(30)
        lease.check()
        with pytest.raises(InfrastructureError, match="held by this run"):
            acquire(storage, "a third")
        lease.release()


@pytest.mark.parametrize("scheme", [*SCHEMES, *SERVERS])
def test_a_lease_on_a_remote_storage_is_held_and_refused_and_taken_from_the_dead(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, hdfs_folder: str, scheme: str
) -> None:
    if scheme in SERVERS:
        server: S3Server = request.getfixturevalue(scheme)
        server.set_up(monkeypatch)
        root = server.url + hdfs_folder
    else:
        root = request.getfixturevalue("hdfs").url(scheme) + hdfs_folder
    storage = open_storage(root)
    with others(root) as (first,):
        assert first.says() == "held"
        with pytest.raises(InfrastructureError, match="is held by run 0 of "):
            acquire(storage, "this run")
        first.signal(signal.SIGSTOP)
        with others(root, count=3) as waiting:
            answers = [other.says() for other in waiting]
            assert answers.count("held") == 1
            first.signal(signal.SIGCONT)
            first.told("check")
            assert "went on in its place" in first.says()
            first.told("release")
            first.process.join(30)
            winner = waiting[answers.index("held")]
            winner.told("check")
            assert winner.says() == "held"
            winner.told("release")
            winner.process.join(30)
    assert not storage.exists(HOLDER)


def test_a_wait_can_be_stopped(storage: Storage) -> None:
    stop = threading.Event()
    lease = take(storage)
    try:
        stop.set()
        assert acquire(storage, "another", stop=stop) is None
        lease.check()
    finally:
        lease.release()


def left_by_a_dead_run(storage: Storage, seconds: float = SECONDS) -> Holder:
    holder = Holder.here("a dead run", seconds)
    storage.publish(HOLDER, holder.to_bytes())
    return holder


@pytest.mark.parametrize("steps", [1, 2])
def test_a_takeover_that_was_killed_halfway_locks_no_run_out(
    storage: Storage, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a rename is a link and an unlink, a kill between them leaves both names."""
    monkeypatch.setattr("hdfs_jobs.storage.base.SWAP_SECONDS", SECONDS)
    held = left_by_a_dead_run(storage).to_bytes()
    aside = f"{storage.url}/{FOLDER}/.tmp-{hashlib.sha256(held).hexdigest()[:32]}-0"
    os.link(f"{storage.url}/{HOLDER}", aside)
    if steps == 2:
        storage.delete(HOLDER)
    lease = take(storage)
    lease.check()
    lease.release()
    assert not storage.exists(HOLDER)


def take_over(storage: Storage) -> None:
    assert acquire(storage, "a taker", seconds=BRIEF) is not None


def test_a_kill_at_every_step_of_a_takeover_locks_nobody_out(tmp_path: Path) -> None:
    traced = FaultyStorage(LocalStorage(str(tmp_path / "traced")))
    left_by_a_dead_run(traced.inner, BRIEF)
    take_over(traced)
    points = [step for step in traced.steps if "(" not in step]
    assert {"dead lease: not yet renamed", "dead lease: renamed"} < set(points)
    assert {"heartbeat: replaced", "lease: under its own name"} < set(points)
    for n, point in enumerate(points):
        storage = LocalStorage(str(tmp_path / str(n)))
        left_by_a_dead_run(storage, BRIEF)
        assert ended(take_over, FaultyStorage(storage, point)) == -signal.SIGKILL, point
        lease = take(storage)
        lease.check()
        lease.release()
        assert not storage.exists(HOLDER), point


class SafeMode(LocalStorage):
    """Answers readers, and has writers wait while it is not writable, some longer than others."""

    def __init__(self, root: str, writable: threading.Event, late: float = 0.0) -> None:
        super().__init__(root)
        self._writable = writable
        self._late = late

    def _wait(self) -> None:
        if not self._writable.is_set():
            self._writable.wait()
            time.sleep(self._late)  # this much later than the others

    def replace(self, path: str, data: bytes) -> None:
        self._wait()
        super().replace(path, data)

    def _rename(self, source: str, target: str) -> None:
        self._wait()
        super()._rename(source, target)


@pytest.mark.parametrize("begins", ["before", "meanwhile"])
def test_a_run_that_cannot_beat_for_the_storage_s_sake_is_alive(
    tmp_path: Path, begins: str
) -> None:
    writable = threading.Event()
    writable.set()
    lease = take(SafeMode(str(tmp_path), writable, late=SECONDS / 4))
    until((tmp_path / FOLDER / f"{lease.holder.id}.beat").exists)
    if begins == "before":
        writable.clear()
    timer = threading.Timer(2 * SECONDS, writable.set)
    timer.start()
    with pytest.raises(InfrastructureError, match="is held by this run of "):
        acquire(
            SafeMode(str(tmp_path), writable),
            "another",
            seconds=SECONDS,
            on_wait=lambda _: writable.clear() if begins == "meanwhile" else None,
        )
    timer.join()
    time.sleep(SECONDS / 2)  # long enough for beats, too short to count as dead
    lease.check()
    lease.release()
    assert files(LocalStorage(str(tmp_path))) == set()


class AwayNowAndThen(LocalStorage):
    """Answers nothing but errors for a while."""

    away = False

    def open(self, path: str) -> BinaryIO:
        if self.away:
            raise OSError(errno.EIO, "away")
        return super().open(path)

    def replace(self, path: str, data: bytes) -> None:
        if self.away:
            raise OSError(errno.EIO, "away")
        super().replace(path, data)


def test_a_storage_that_is_away_for_a_while_is_no_loss(tmp_path: Path) -> None:
    storage = AwayNowAndThen(str(tmp_path))
    lease = take(storage)
    storage.away = True
    time.sleep(SECONDS / 2)  # beats fail, for less than counts as dead
    lease.check()
    storage.away = False
    time.sleep(SECONDS / 2)  # beats come through again
    lease.check()
    lease.release()
    assert files(storage) == set()


class LostAnswer(LocalStorage):
    """Publishes, and then hears that somebody else did."""

    def publish(self, path: str, data: bytes) -> bool:
        super().publish(path, data)
        return False


def test_a_lease_whose_answer_was_lost_is_held(tmp_path: Path) -> None:
    storage = LostAnswer(str(tmp_path))
    lease = take(storage)
    lease.check()
    lease.release()
    assert not storage.exists(HOLDER)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"id": 1}'])
def test_a_damaged_lease_is_named(storage: Storage, content: bytes) -> None:
    storage.publish(HOLDER, content)
    with pytest.raises(UsageError, match=rf"{HOLDER}: .*") as refused:
        take(storage)
    assert "\n" not in str(refused.value)
