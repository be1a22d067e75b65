"""The digest of a package's code, and what is said of code that is another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.runs.code import Code, difference

NAMES = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]))


def digest(folder: Path) -> str:
    code = "from hdfs_jobs.runs.code import code_digest; print(code_digest('thing'))"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{folder}:{Path(__file__).parents[3]}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_every_line_of_every_module_counts_and_nothing_else_does(tmp_path: Path) -> None:
    package = tmp_path / "thing" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "thing" / "__init__.py").write_text("")
    (package / "stage.py").write_text("FACTOR = 1.0\n")
    before = digest(tmp_path)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "stage.cpython-311.pyc").write_bytes(b"other")
    (package / "engine.so").write_bytes(b"of this processor")
    assert digest(tmp_path) == before
    (package / "stage.py").write_text("FACTOR = 0.5\n")
    changed = digest(tmp_path)
    assert changed != before
    (package / "stage.py").rename(package / "stages.py")
    assert digest(tmp_path) not in {before, changed}


def test_a_package_that_is_missing_is_another_one() -> None:
    here = Code(("hdfs_jobs", "no_such_package"), "no-such-distribution").proof()
    assert here["no-such-distribution"] == "not installed"
    assert here["hdfs_jobs"] != here["no_such_package"]


def test_the_package_of_a_stage_counts_as_well() -> None:
    assert Code(("hdfs_jobs",)).with_package_of(Code).packages == ("hdfs_jobs",)
    assert Code(("hdfs_jobs",)).with_package_of(Path).packages == ("hdfs_jobs", "pathlib")
    script = type("Stage", (), {"__module__": "__main__"})
    assert Code(("hdfs_jobs",)).with_package_of(script).packages == ("hdfs_jobs",)


@given(NAMES, NAMES)
def test_a_difference_names_all_that_differs_in_one_line(
    wanted: dict[str, str], found: dict[str, str]
) -> None:
    line = difference(wanted, found, "worker x")
    other = {name for name in wanted if found.get(name) != wanted[name]}
    assert (line is None) == (not other)
    if line is not None:
        assert line.startswith("worker x runs other code (") and "\n" not in line
        assert all(f"{name} {found.get(name, 'missing')} instead of" in line for name in other)
