"""Print what the package needs, one requirement a line: `requirements.py [EXTRA,EXTRA…]`.

So that an image has the dependencies in a layer of their own, which a change of the source leaves
as it is, and pyproject.toml stays the only list of them.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path, extras: str) -> list[str]:
    """Read the dependencies of a project.

    Parameters
    ----------
    pyproject : Path
        The project's pyproject.toml.
    extras : str
        Names of extras with commas between them; empty for none.

    Returns
    -------
    list of str
        Requirements as pip takes them.

    Raises
    ------
    SystemExit
        If the project has no extra of such a name.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    found = list(project["dependencies"])
    for extra in filter(None, extras.split(",")):
        if extra not in optional:
            sys.exit(f"there is no extra {extra!r}; EXTRAS takes some of {', '.join(optional)}")
        found += optional[extra]
    return found


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"), "".join(sys.argv[1:2]))))
