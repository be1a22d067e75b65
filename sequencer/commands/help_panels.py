"""Help in panels, printed without rich: that would take longer to import than all the rest.

A panel is what `typer.Option`, `typer.Argument` and `Program.command` take as ``rich_help_panel``.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = "Commands"

_WHOLE = 1000
"""Letters of a line that is wrapped where the terminal ends, and never cut."""

_BRACES = re.compile(r"\{(.*)\}")
_TYPE = re.compile(r" <(?:list\[)?(\w+)\]?>")


class PanelCommand(TyperCommand):
    """A command whose options stand in panels, in the order of their first option."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line, without the braces that the parser adds."""
        pieces = (_BRACES.sub(r"\1", piece) for piece in super().collect_usage_pieces(ctx))
        # Words that name each of several arguments need no dots.
        return [piece.removesuffix("...") if "] [" in piece else piece for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each panel of options."""
        _write_options(self, ctx, formatter)


class PanelGroup(TyperGroup):
    """A program, or a group of commands, whose commands stand in panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the panels of commands, then the options."""
        self.format_commands(ctx, formatter)
        _write_options(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each panel of commands."""
        shown = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, shown), default=0)
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in shown.items():
            if command is None or command.hidden:
                continue
            panel = _panel_of(command, COMMANDS)
            # One width for all panels, so that they are one table.
            help_text = command.get_short_help_str(_WHOLE)
            panels.setdefault(panel, []).append((name.ljust(width), help_text))
        _write_panels(panels, formatter)


class Program(typer.Typer):
    """A typer program, or a group of commands, with help in panels and one-line errors."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            cls=PanelGroup,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"]},
            **settings,
        )

    def command(self, name: str | None = None, **settings: Any) -> Any:
        """Return a decorator that adds a command; the settings are typer's."""
        return super().command(name, **{"cls": PanelCommand, **settings})


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        if (record := parameter.get_help_record(ctx)) is not None:
            argument = parameter.param_type_name == "argument"
            name = _TYPE.sub("" if argument else r" <\1>", record[0])
            panel = _panel_of(parameter, "Arguments" if argument else "Options")
            panels.setdefault(panel, []).append((name, record[1]))
    _write_panels(panels, formatter)


def _panel_of(part: Any, otherwise: str) -> str:
    # typer marks what has no panel with a placeholder that is no text.
    panel = getattr(part, "rich_help_panel", None)
    return panel if isinstance(panel, str) and panel else otherwise


def _write_panels(panels: dict[str, list[tuple[str, str]]], formatter: Any) -> None:
    for title, rows in panels.items():
        with formatter.section(title):
            formatter.write_dl(rows)
