"""SIGTERM and SIGINT ask for a drain; a second one does not wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest

from nsynth_batch.pipeline.signals import Drain, EndedAtOnce, draining
from tests.nsynth_batch.recordings import tone, write_wav
from tests.waiting import until


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with draining() as drain:
        assert not drain.asked.is_set()
        names: SimpleQueue[str] = SimpleQueue()
        drain.notify(names.put)
        signal.raise_signal(number)
        assert drain.asked.wait(60)
        assert drain.exit_code == code
        assert names.get(timeout=60) == number.name
        with pytest.raises(EndedAtOnce) as caught:
            signal.raise_signal(number)
        assert caught.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_request_is_passed_on_once_also_to_those_who_ask_later() -> None:
    drain, names = Drain(), list[str]()
    drain.notify(names.append)
    drain.request()
    drain.request(signal.SIGINT)
    assert (names, drain.exit_code) == (["SIGTERM"], 143)
    drain.notify(None)
    drain.notify(names.append)
    assert names == ["SIGTERM", "SIGTERM"]


def test_an_interrupt_is_told_and_ends_with_130() -> None:
    code = (
        "import signal, sys; from nsynth_batch.cli import main; "
        "signal.signal(signal.SIGALRM, signal.default_int_handler); "
        "signal.setitimer(signal.ITIMER_REAL, 0.2); sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "nsynth-batch: interrupted; run the same command again to go on\n"


def test_a_second_sigterm_ends_at_once_and_with_143(tmp_path: Path) -> None:
    for name in ("a", "b"):
        # Long enough to be at work on when the signals come.
        write_wav(tmp_path / "in" / f"{name}.wav", tone(900.0, 200.0 + ord(name)))
    store = ["--store", str(tmp_path / "store"), "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nsynth_batch", "run", str(tmp_path / "in"), *store],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    until(lambda: list(tmp_path.glob("store/runs/partial/audio/**/begin-*")), process=process)
    process.send_signal(signal.SIGTERM)
    lines = []
    while "draining" not in (line := process.stderr.readline()):
        assert line, lines
        lines.append(line)
    assert line.rstrip().endswith("draining: 1 shard at work; a second SIGTERM ends at once")
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait() == 143, rest
    assert "Traceback" not in rest
    assert "nsynth-batch: ended at once; run the same command again to go on\n" in rest


def test_ctrl_c_while_workers_start_ends_with_130_and_without_a_traceback(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_wav(tmp_path / "in" / f"{name}.wav", tone(1.0, 200.0 + ord(name)))
    store = ["--store", str(tmp_path / "store"), "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nsynth_batch", "run", str(tmp_path / "in"), *store],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    while "shards to do" not in (line := process.stderr.readline()):
        assert line
    # As a terminal does it: to every process of the command.
    os.killpg(process.pid, signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130, rest
    assert "Traceback" not in rest
    assert "draining" in rest
    assert rest.endswith("nsynth-batch: interrupted; run the same command again to go on\n")
