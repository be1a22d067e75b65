from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_is_what_the_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/cli_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr or (
        "docs/cli.md is not what the commands print: run python scripts/cli_reference.py"
    )


def test_no_line_is_cut_and_arguments_stand_as_one_types_them() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert re.findall(r"^.*[a-z]\.\.\.$", text, re.MULTILINE) == []
    assert re.findall(r"^Usage: .*(?:\{|\[\[).*$|^.*<list\[.*$", text, re.MULTILINE) == []
    assert "Usage: nsynth-batch forget [OPTIONS] FILE...\n" in text
    assert "Usage: nsynth-batch run [OPTIONS] [SOURCE]\n" in text
