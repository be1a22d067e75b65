"""Numbers, names and commands as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def one_line(text: str) -> str:
    """Make control characters and line ends visible, and keep every other script as it is."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def size(count: float) -> str:
    """Return a number of bytes as 312 B or 4.1 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def table(rows: list[list[str]], *, words: Sequence[str] = ()) -> str:
    """Align rows in columns: words to the left, numbers to the right.

    Parameters
    ----------
    rows : list of list of str
        The names of the columns, then a row each.
    words : sequence of str
        Names of the columns that hold words, beside the first, which always does.
    """
    left = [i == 0 or name in words for i, name in enumerate(rows[0])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def command_line(words: str, store: str | None) -> str:
    """Return a command of this program for people to copy, with the store that they use.

    Parameters
    ----------
    words : str
        The command and its flags.
    store : str or None
        URL of the store; None where there is none yet.

    Examples
    --------
    >>> command_line("status --quarantine", "my store")
    "`nsynth-batch status --quarantine --store 'my store'`"
    """
    import shlex

    where = "" if store is None else f" --store {shlex.quote(store)}"
    return f"`nsynth-batch {words}{where}`"
