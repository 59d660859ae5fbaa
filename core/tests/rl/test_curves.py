"""Curves: read whatever state the file is in, and compared number by number."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from igx.rl.curves import TIMINGS, Epoch, at_frames, best_return, compare, last_epoch, read_curve
from igx.rl.metrics import NAMES


def written(folder: Path, *epochs: dict[str, Any], end: str = "") -> Path:
    file = folder / "metrics.jsonl"
    file.write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs) + end)
    return file


def curve(**numbers: Sequence[float | None]) -> list[dict[str, float | None]]:
    rows = [dict(zip(numbers, row, strict=True)) for row in zip(*numbers.values(), strict=True)]
    return [{"epoch": number, "frames": 10.0 * number, **row} for number, row in enumerate(rows, 1)]


def test_a_line_that_is_being_written_and_foreign_ones_are_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, {"epoch": 1, "return": 2.0, "note": "hi"}, end='[1]\n{"epoch": 2, "ret')
    assert read_curve(file) == [{"epoch": 1, "return": 2.0}]
    assert last_epoch(file) == {"epoch": 1, "return": 2.0}


def test_of_an_epoch_that_stands_there_twice_the_later_one_counts(tmp_path: Path) -> None:
    file = written(tmp_path, {"epoch": 1}, {"epoch": 2, "kl": 1.0}, {"epoch": 2, "kl": 3.0}, {"epoch": 3})
    assert read_curve(file) == [{"epoch": 1}, {"epoch": 2, "kl": 3.0}, {"epoch": 3}]


def test_no_file_is_no_epochs(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert (read_curve(file), last_epoch(file), best_return(file, since=0)) == ([], {}, None)


def test_the_last_epoch_of_a_long_file_is_found_at_its_end(tmp_path: Path) -> None:
    file = written(tmp_path, *({"epoch": number, "return": 0.1, "filler": number} for number in range(5000)))
    assert file.stat().st_size > 200_000
    assert last_epoch(file)["epoch"] == 4999


def test_the_best_return_counts_from_an_epoch_on_if_there_are_so_many(tmp_path: Path) -> None:
    values = [9.0, -1.0, math.nan, 3e-1, 0.2]
    epochs = ({"epoch": n, "return": v if math.isfinite(v) else None} for n, v in enumerate(values, 1))
    file = written(tmp_path, {"epoch": 0}, *epochs)
    assert best_return(file, since=0) == 9.0
    assert best_return(file, since=2) == 0.3
    assert best_return(file, since=5) == 0.2
    assert best_return(file, since=6) == 9.0


def test_a_number_at_some_frames_is_the_last_one_before() -> None:
    found = curve(r=[1.0, 2.0, 3.0])
    assert [at_frames(found, "r", frames) for frames in (9, 10, 29, 1000)] == [None, 1.0, 2.0, 3.0]


def test_curves_that_differ_in_time_only_are_identical() -> None:
    a, b = curve(kl=[0.1, 0.2], time=[1.0, 2.0]), curve(kl=[0.1, 0.2], time=[1.5, 2.5])
    found = compare(a, b)
    assert found.is_identical
    assert (found.epochs, found.largest) == (2, {})


def test_curves_part_in_the_first_epoch_that_differs_at_all() -> None:
    a = curve(kl=[0.1, 0.2, 0.4], loss=[1.0, 1.0, 1.0])
    b = curve(kl=[0.1, 0.2 + 1e-12, 0.3], loss=[1.0, 1.0, 1.5])
    found = compare(a, b)
    assert (found.is_identical, found.parts_in, found.differs_first) == (False, 2, ("kl",))
    assert list(found.largest.items()) == [("loss", pytest.approx(1 / 3)), ("kl", pytest.approx(0.25))]


def test_a_number_that_only_one_has_is_a_difference() -> None:
    found = compare(curve(kl=[0.1]), curve(kl=[None]))
    assert (found.parts_in, found.largest) == (1, {"kl": math.inf})


def test_evaluations_are_compared_in_epochs_in_which_there_were_two() -> None:
    one: list[Epoch] = [{"epoch": 1.0, "eval/return": 5.0}, {"epoch": 2.0, "eval/return": 6.0}, {"epoch": 3.0}]
    same: list[Epoch] = [{"epoch": 1.0}, {"epoch": 2.0, "eval/return": 6.0}, {"epoch": 3.0, "eval/return": 7.0}]
    other: list[Epoch] = [{"epoch": 1.0}, {"epoch": 2.0, "eval/return": 6.5}, {"epoch": 3.0}]
    assert compare(one, same).is_identical
    assert compare(one, other).differs_first == ("eval/return",)


def test_only_epochs_that_both_have_are_compared() -> None:
    assert compare(curve(kl=[0.1, 0.2]), curve(kl=[0.1])).epochs == 1


def test_the_distance_is_that_of_returns_on_average_relative_to_the_largest_of_the_whole_first_curve() -> None:
    there, here = curve(**{"return": [None, 1.0, 3.0, -20.0]}), curve(**{"return": [5.0, 2.0, 6.0]})
    assert compare(there, here).distance == pytest.approx((1.0 + 3.0) / 2 / 20.0)
    assert compare(there, there).distance == 0.0
    assert compare(curve(kl=[0.1]), curve(kl=[0.2])).distance is None


def test_every_number_that_the_clock_decides_on_is_known_as_such() -> None:
    speeds = {name for tag, name in NAMES.items() if tag.startswith("performance/")}
    assert speeds | {"time", "inference_s", "eval/seconds"} == TIMINGS
