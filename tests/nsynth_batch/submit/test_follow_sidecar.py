"""A pod with a second container, which goes on when the run has ended."""

from __future__ import annotations

import pytest

from tests.components.kubernetes import NAMESPACE, Kubernetes, Play
from tests.nsynth_batch.submit.conftest import Submit

_LONG = 600.0


@pytest.mark.parametrize(
    ("play", "code", "words"),
    [
        (Play(["done"], sidecar_seconds=_LONG), 0, "submit: job one succeeded; its pod one-"),
        (
            Play(["done"], 3, sidecar_seconds=_LONG),
            3,
            "nsynth-batch: job one failed: its run ended with 3; its pod one-",
        ),
        (Play(["done"], 75, sidecar_seconds=_LONG), 75, "its run ended with 75; its pod one-"),
        (Play(["done"], 143, sidecar_seconds=_LONG), 75, "its run ended with 143; its pod one-"),
        (
            Play(["done"], 137, "OOMKilled", sidecar_seconds=_LONG),
            75,
            "ran out of memory (OOMKilled); give it more --memory than",
        ),
    ],
)
def test_a_run_that_a_sidecar_outlives_ends_with_its_own_code(
    play: Play, code: int, words: str, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [play]
    # The deadline would end it with 75, long after.
    done = submit("--name", "one", "--start-timeout", "0.5", "--deadline", "500")
    assert (done.code, done.out) == (code, "done\n")
    assert words in done.last
    assert done.last.endswith(
        f" goes on with istio-proxy: `kubectl delete job one -n {NAMESPACE}` ends it"
    )
    assert kubernetes.get("Job", "one") is not None


@pytest.mark.parametrize("code", [0, 75])
def test_a_sidecar_that_ends_in_time_leaves_all_to_the_job(
    code: int, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["first"], code, sidecar_seconds=0.5), Play(["second"])]
    done = submit("--name", "one", "--start-timeout", "60")
    assert done.code == 0
    assert done.out.split() == (["first"] if code == 0 else ["first", "second"])
    assert done.last == "submit: job one succeeded"
