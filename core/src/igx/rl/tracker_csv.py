"""The tracker `csv`: `metrics.csv`, for spreadsheets and for what reads one line an epoch."""

import csv
import io
from collections.abc import Mapping
from typing import TextIO

from igx.rl.cutting import Row, read_rows
from igx.rl.run_status import write_whole
from igx.rl.trackers import Run, Tracker


class CsvTracker(Tracker):
    """Writes one line an epoch, there to be read at once; `nan` and `inf` as Python and pandas spell them.

    A number that comes up later, such as the return once an episode has ended, gets a column at the right: the file is
    written anew in one stroke, with empty cells in the lines before.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._path = run.folder / "metrics.csv"
        self._columns: list[str] = []
        self._file: TextIO | None = None
        if run.resumed_at_epoch is not None:
            rows = read_rows(self._path, until_epoch=run.resumed_at_epoch)
            if rows:
                self._begin_anew(rows, columns=list(rows[0]))

    def log(self, metrics: Mapping[str, float]) -> None:
        """Write one line.

        Raises:
            OSError: the disk is full, or gone.
        """
        new = [name for name in metrics if name not in self._columns]
        if new:
            rows = read_rows(self._path, until_epoch=int(metrics["epoch"])) if self._columns else []
            self._begin_anew(rows, columns=[*self._columns, *new])
        if self._file is not None:
            self._file.write(_text([{name: str(value) for name, value in metrics.items()}], self._columns))
            self._file.flush()

    def close(self, outcome: str) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _begin_anew(self, rows: list[Row], *, columns: list[str]) -> None:
        """Write the file with these columns and rows, and stay at its end."""
        if self._file is not None:
            self._file.close()
        heading = dict(zip(columns, columns, strict=True))
        write_whole(self._path, _text([heading, *rows], columns))
        self._columns, self._file = columns, self._path.open("a", encoding="utf-8", newline="")


def _text(rows: list[Row], columns: list[str]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue()
