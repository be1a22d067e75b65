"""What is refused before anything is sent, in one line and with 2."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import UsageError
from nsynth_batch.cli import main
from nsynth_batch.submit.checks import check_cron, check_run, default_name
from nsynth_batch.submit.job_manifest import JobSpec

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "give the command to submit"),
        ("clips --to x", "'clips' cannot be submitted: the command is one of run, harvest"),
        ("train model", "MODEL model is a path of this machine"),
        ("train s3://models/songs --from sounds", "--from sounds is a path of this machine"),
        ("train s3://models/songs --held-out sounds", "--held-out sounds is a path of this"),
        ("train s3://models/songs --init mine", "--init mine is a path of this machine"),
        ("rum", "'rum' cannot be submitted"),
        ("run --pairz 3", "No such option: --pairz"),
        ("run --pairs many", "'--pairs'"),
        ("run --pairs 0", "--pairs is 0"),
        ("run --engine gpu", "'--engine'"),
        ("run --scheduler head:8786", "tcp://host:port"),
        ("harvest", "SOURCE"),
        ("run --store my-store", "--store my-store is a path of this machine"),
        ("run /srv/incoming", "SOURCE /srv/incoming is a path of this machine"),
        ("harvest urls:list.csv --contact a@b.example", "SOURCE list.csv is a path"),
        ("harvest commons:List:titles.txt", "SOURCE titles.txt is a path"),
        ("run --checkpoint model.safetensors", "--checkpoint model.safetensors is a path"),
        ("--volume models:/models run --checkpoint /models/../x", "--checkpoint /models/../x"),
        ("--image nsynth-batch-cpu run", "--image nsynth-batch-cpu: give it with a version"),
        ("--image nsynth-batch-cpu:latest run", "give it with a version"),
        ("--image host:5000/nsynth run", "give it with a version"),
        ("--name Nightly run", "--name Nightly: give at most 63 of a-z, 0-9 and -"),
        (f"--name {'a' * 53} --cron @daily run", "give at most 52"),
        ("--name -a run", "--name"),
        ("--namespace a.b run", "--namespace a.b"),
        ("--memory lots run", "--memory lots: give an amount as 4, 500m or 8Gi"),
        ("--cpu 0 run", "--cpu 0"),
        ("--env HOME run", "--env HOME: give NAME=VALUE"),
        ("--env NSYNTH_BATCH_PEARS=3 run", "did you mean NSYNTH_BATCH_PAIRS?"),
        ("--volume models run", "--volume models: give CLAIM:/PATH"),
        ("--volume models:/work/x run", "/work/x is the pod's own"),
        ("--volume a:/x --volume b:/x run", "two --volume have the same path"),
        ("--node-label gpu run", "--node-label gpu: give LABEL=VALUE"),
        ("--pull-secret A_B run", "--pull-secret A_B"),
        ("--s3-secret A_B run", "--s3-secret A_B"),
        ("--s3-endpoint s3.example.org run", "give it as https://s3.example.org"),
        ("--s3-region 'Frankfurt am Main' run", "give it as eu-central-1"),
        ("--cron '0 3 * *' run", "give five fields"),
        ("--cron '60 3 * * *' run", "'60' is no minute, 0 to 59"),
        ("--cron @daily --time-zone Europe/Wien run", "no such time zone"),
        ("--time-zone Europe/Vienna run", "give --cron as well"),
        ("--suspend run", "give --cron as well"),
        ("--follow one run", "--follow NAME stands alone"),
        ("--follow One", "--name One"),
    ],
)
def test_what_is_wrong_is_told_here_and_not_in_the_cluster(
    line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without --render: nothing here gets as far as to ask for a kubeconfig.
    assert main(["submit", "--kubeconfig", "/nowhere", *shlex.split(line)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert words in told


@pytest.mark.parametrize(
    "line",
    [
        "run commons:Category:Birds --store hdfs://namenode/sounds --pairs 100 --retry-failed",
        "-- run hdfs://namenode/in --checkpoint small",
        "--volume models:/models run --checkpoint /models/nsynth.safetensors",
        "--volume in:/in harvest urls:/in/list.csv",
        "--image registry.example.org:5000/a/nsynth-batch-rocm:0.1.0-rc.1_x --gpus 1 decode",
        f"--image nsynth@sha256:{'a' * 64} verify",
        "--env HADOOP_USER_NAME=sounds --env NSYNTH_BATCH_PAIRS=3 run",
        "run --tls-ca /etc/nsynth-batch/tls/ca.crt --scheduler tls://nsynth-batch-scheduler:8786",
        "--cron '*/15 0-6,22 1 jan-mar MON' --time-zone America/Argentina/Ushuaia status --json",
        "gc --dry-run",
        "train s3://models/songs --init small --held-out 0.1 --exchange async",
        "--volume in:/in train hdfs://namenode/songs --family frames --from /in/sounds",
    ],
)
def test_what_is_right_is_rendered(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--render", *shlex.split(line)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("apiVersion: batch/v1\n")
    assert captured.err == ""


def test_rendering_heeds_nothing_of_this_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["submit", "--render", "run"]) == 0
    first = capsys.readouterr().out
    monkeypatch.setenv("NSYNTH_BATCH_PAIRS", "no number")
    monkeypatch.setenv("NSYNTH_BATCH_CONFIG", "/nowhere")
    assert main(["submit", "--render", "run"]) == 0
    assert capsys.readouterr().out == first


def test_help_of_the_command_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "run", "--help"]) == 0
    assert "--max-bad-fraction" in capsys.readouterr().out


@given(words=st.lists(st.text(), max_size=4), image=st.text())
def test_default_names_are_labels(words: list[str], image: str) -> None:
    name = default_name(["harvest", *words], image)
    assert LABEL.fullmatch(name)
    assert len(name) <= 52
    assert name == default_name(["harvest", *words], image)


@given(name=st.from_regex(r"[a-z0-9A-Z.-]{1,70}", fullmatch=True))
def test_names_are_taken_that_kubernetes_takes(name: str) -> None:
    run = JobSpec(name, ("run",), "nsynth-batch-cpu:0.1.0")
    if LABEL.fullmatch(name):
        check_run(run)
    else:
        with pytest.raises(UsageError):
            check_run(run)


FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


@st.composite
def field(draw: st.DrawFn, lowest: int, highest: int) -> str:
    """A part of a schedule by the grammar that the CronJob controller has."""
    first = draw(st.integers(lowest, highest))
    last = draw(st.integers(first, highest))
    base = draw(st.sampled_from(["*", "?", str(first), f"{first}-{last}"]))
    step = draw(st.sampled_from(["", "", "/1", "/15"]))
    return base + step


@given(st.tuples(*(st.lists(field(*limits), min_size=1, max_size=3) for limits in FIELDS)))
def test_schedules_of_the_grammar_are_taken(fields: tuple[list[str], ...]) -> None:
    check_cron(" ".join(",".join(parts) for parts in fields))


@pytest.mark.parametrize(
    "cron",
    ["* * * * 7", "* * 0 * *", "* * * 13 *", "* 24 * * *", "5-1 * * * *", "*/0 * * * *", "",
     "@noon", "a * * * *", "1,, * * * *", "* * * * mon-sun", "TZ=UTC 0 3 * * *", "1 2 3 4 5 6",
     "-1 * * * *", "\N{ARABIC-INDIC DIGIT ONE} * * * *"],
)  # fmt: skip
def test_schedules_that_no_controller_takes(cron: str) -> None:
    with pytest.raises(UsageError):
        check_cron(cron)


@pytest.mark.parametrize("cron", ["@daily", "@every 1h30m", "0 3 * * sun-MON", "0 0 1 JAN ?"])
def test_words_are_taken(cron: str) -> None:
    check_cron(cron)
