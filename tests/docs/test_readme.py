"""README is short, and its commands work as pasted, in the order in which they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pasted import ROOT, blocks_to_run, make_home, paste

README = ROOT / "README.md"
OPERATIONS = ROOT / "docs" / "operations.md"
BLOCKS = blocks_to_run(README)
MOST_LINES = 160


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which all three walk one after the other."""
    return make_home(tmp_path_factory.mktemp("home"))


def test_readme_is_read_in_one_sitting_and_shows_three_ways_in() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES
    assert [len(block) for block in BLOCKS] == [5, 5, 5]


@pytest.mark.parametrize("block", BLOCKS, ids=["musician", "operator", "engineer"])
def test_the_first_commands_of_each_reader_work_as_pasted(
    block: list[str], home: Path, tiny: Path
) -> None:
    # The model is a small one of random weights, and few pairs: what is shown is that they work.
    for command in block:
        paste(command, home, tiny)


def test_the_line_for_cron_works_in_cron_s_bare_environment(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    make_home(home)
    # Recordings without a licence are worth a mail.
    rows = [f"{path.name},Ann,CC0-1.0" for path in (home / "recordings").iterdir()]
    (home / "recordings" / "sources.csv").write_text("\n".join(["file,author,licence", *rows]))
    [block] = re.findall(r"```cron\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert block in OPERATIONS.read_text("utf-8")
    mail, path, line = block.splitlines()
    assert mail.startswith("MAILTO=")
    command = line.removeprefix("0 3 * * *  ").replace("\\%", "%")
    ours = {
        "/srv/incoming": home / "recordings",
        "/srv/sounds": tmp_path / "sounds",
        "/var/lib/node_exporter": tmp_path,
        "--pairs 200 --checkpoint spectral": f"--pairs 2 --workers 1 --checkpoint {tiny}",
    }
    for theirs, here in ours.items():
        assert theirs in command
        command = command.replace(theirs, str(here))
    programs = path.replace("/opt/nsynth-batch/.venv/bin", str(Path(sys.executable).parent))
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path, env={"HOME": str(home), "PATH": programs.removeprefix("PATH=")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Nothing is printed, so no mail is sent.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "nsynth_batch.prom").read_text() == "nsynth_batch_last_exit_code 0\n"
    assert not (tmp_path / "nsynth_batch.tmp").exists()
