from __future__ import annotations

import json
from pathlib import Path

import pytest

from nsynth_batch.training.log import CURVE, LOG, TrainingLog, draw_beside


def test_a_line_a_report_without_what_is_unknown(tmp_path: Path) -> None:
    log = TrainingLog(str(tmp_path))
    log.add(step=100, samples=1000, nll=None, auxiliary=0.5)
    log.add(step=200, samples=2000, nll=3.0, auxiliary=0.25)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines == [
        {"step": 100, "samples": 1000, "auxiliary": 0.5},
        {"step": 200, "samples": 2000, "nll": 3.0, "auxiliary": 0.25},
    ]


def test_what_a_resumed_training_makes_again_is_logged_once(tmp_path: Path) -> None:
    log = TrainingLog(str(tmp_path))
    for step in (100, 200, 300):
        log.add(step=step, samples=step, nll=1.0)
    again = TrainingLog(str(tmp_path), step=200)
    again.add(step=300, samples=300, nll=2.0)
    found = [(record["step"], record["nll"]) for record in TrainingLog(str(tmp_path), 300).records]
    assert found == [(100, 1.0), (200, 1.0), (300, 2.0)]


@pytest.mark.parametrize("reports", [0, 1, 3])
def test_the_curve_is_drawn_whatever_there_is_of_it(reports: int, tmp_path: Path) -> None:
    log = TrainingLog(str(tmp_path))
    for step in range(reports):
        measured = {"partials": 0.1 * step, "wall_seconds": 7.0 * step, "entropy": 2.0}
        log.add(step=step, samples=step * 1000, nll=3.0 - step, **measured)
    log.draw()
    assert (tmp_path / CURVE).read_bytes().startswith(b"\x89PNG")


def test_losses_of_several_trainings_are_drawn_beside_each_other(tmp_path: Path) -> None:
    pictures = []
    for name, seconds in (("one", 7.0), ("two", 4.0)):
        log = TrainingLog(str(tmp_path / name))
        for step in range(3):
            log.add(step=step, samples=step * 1000, nll=3.0 - step, wall_seconds=seconds * step)
        pictures.append(draw_beside([str(tmp_path / "one"), str(tmp_path / name)]))
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
    with pytest.raises(ValueError, match=r"three: has no log\.jsonl with a loss"):
        draw_beside([str(tmp_path / "one"), str(tmp_path / "three")])
