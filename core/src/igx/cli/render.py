"""How igx's output looks: tables, messages, the marks of checks, and JSON.

On a terminal it has colour (unless NO_COLOR is set) and fits the width; elsewhere it is plain text, one line a row.
"""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TextIO, TypeVar

import click

from igx.plugins import CheckResult

T = TypeVar("T")

_GAP = "  "
_COLOURS = {"error": "red", "critical": "red", "warning": "yellow", "ok": "green", "warn": "yellow", "FAIL": "red"}
_MARKS = {True: "ok", None: "warn", False: "FAIL"}


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wrap: Collection[str] = (),
    least_missed: Sequence[str] = (),
) -> None:
    """Print a table.

    Args:
        columns: the headings.
        rows: cells of text, as many as there are columns; a cell may have several lines.
        wrap: the headings of the columns that may be broken to fit the terminal; if that isn't enough, all are.
        least_missed: the headings of what a narrow terminal leaves out, in this order; a last line names it, and
            --json as the other way to see it.
    """
    left_out: list[str] = []
    while not fits(columns, rows) and len(left_out) < len(least_missed):
        left_out.append(least_missed[len(left_out)])
        columns, rows = _without(left_out[-1], columns, rows)
    if sys.stdout.isatty():
        _print_fitted(columns, rows, wrap)
    else:
        _print_plain(columns, rows)
    if left_out:
        message("", f"A wider terminal, or --json, also shows: {', '.join(left_out)}.")


def fields(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair a line."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        _print_hanging(f"{_styled(name.ljust(width), bold=True)}{_GAP}", value, indent=width + len(_GAP))


def heading(text: str) -> None:
    """Print a line that stands above what follows."""
    click.echo(_styled(text, bold=True))


def text(value: str = "") -> None:
    """Print `value` as it is."""
    click.echo(value)


def short(number: float) -> str:
    """`number` in a few letters: 9,876, 12.3 k or 4.56 M."""
    if number < 1e6:
        return f"{number:,.0f}" if number < 1e4 else f"{number / 1e3:.3g} k"
    return f"{number / 1e6:.3g} M"


def document(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def message(level: str, value: str) -> None:
    """Print a message on standard error; `level` stands before it unless it is empty."""
    prefix = f"{_styled(level, sys.stderr, fg=_COLOURS.get(level))}: " if level else ""
    click.echo(f"{prefix}{value}", file=sys.stderr)  # `err=True` would write past a panel that has taken it over


def progress(items: Iterator[T], *, label: str, length: int) -> Iterator[T]:
    """Hand on `items`, of which there are `length`; a terminal shows meanwhile on standard error how far they are."""
    if not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(items, label=label, length=length, file=sys.stderr) as shown:
        yield from shown


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table is no wider than the terminal; where there is none, anything fits."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    needed = sum(widths) + len(_GAP) * (len(widths) - 1)
    return not sys.stdout.isatty() or needed <= shutil.get_terminal_size().columns


def check(result: CheckResult) -> None:
    """Print the result of one check."""
    mark = _MARKS[result.ok]
    label = f"{mark.ljust(4)}{_GAP}{result.name.ljust(12)}{_GAP}"
    indent = len(label)
    _print_hanging(label.replace(mark, _styled(mark, fg=_COLOURS[mark]), 1), result.detail, indent=indent)
    if result.advice:
        _print_hanging(f"{' ' * indent}→ ", result.advice, indent=indent + 2)


def _print_hanging(label: str, value: str, *, indent: int) -> None:
    """Print `value` after a label; further lines begin below its first one."""
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns - indent, 20)
        lines = [part for line in value.splitlines() for part in _wrapped(line, width)]
    else:
        lines = value.splitlines()
    click.echo((label + f"\n{' ' * indent}".join(lines or [""])).rstrip())


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


def _without(left_out: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    kept = [number for number, column in enumerate(columns) if column != left_out]
    return [columns[number] for number in kept], [[row[number] for number in kept] for row in rows]


def _print_fitted(columns: Sequence[str], rows: Sequence[Sequence[str]], wrap: Collection[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    rigid: tuple[Sequence[str], Sequence[Sequence[str]]] = (columns, rows)
    for column in wrap:
        rigid = _without(column, *rigid)
    is_tight = not fits(*rigid)
    for column in columns:
        grid.add_column(column, no_wrap=column not in wrap and not is_tight, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))  # Text, since "[...]" in a summary is no markup
    Console().print(grid)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [list(columns), *(["; ".join(cell.splitlines()) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    for line in lines:
        click.echo(_GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _styled(value: str, stream: TextIO | None = None, **style: Any) -> str:
    is_coloured = (stream or sys.stdout).isatty() and "NO_COLOR" not in os.environ
    return click.style(value, **style) if is_coloured else value
