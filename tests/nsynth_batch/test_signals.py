"""SIGTERM and SIGINT ask for a drain; a second one does not wait for it."""

from __future__ import annotations

import signal

import pytest

from nsynth_batch.commands.signals import EndedAtOnce, draining


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with draining() as drain:
        assert not drain.asked.is_set()
        signal.raise_signal(number)
        assert drain.asked.is_set()
        assert drain.exit_code == code
        with pytest.raises(EndedAtOnce) as caught:
            signal.raise_signal(number)
        assert caught.value.exit_code == code
    assert signal.getsignal(number) is before
