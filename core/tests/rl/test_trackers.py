"""Metrics are recorded under the names that people look for."""

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from point_mass import point_mass_config

from igx.errors import RunFailure
from igx.rl.metrics import EpisodeMeans, Scalars, first_not_finite
from igx.rl.tracker_csv import CsvTracker
from igx.rl.trackers import JsonLines, Run, TensorBoardTracker, Tracker

METRICS = {"epoch": 2, "frames": 256, "time": 1.5, "return": 3.0, "length": 9.0, "loss/actor": 0.5, "reward/near": 2.0}


def run(folder: Path, *, resumed_at_epoch: int | None = None) -> Run:
    return Run(folder, point_mass_config(), resumed_at_epoch)


def metrics(epoch: int) -> dict[str, float]:
    return {"epoch": epoch, "frames": 128 * epoch, "time": 0.5 * epoch, "return": 10.0 * epoch}


def record(tracker: Tracker, *, epochs: range) -> None:
    for epoch in epochs:
        tracker.log(metrics(epoch))
    tracker.close("finished")


def points_of(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → steps and values, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "summaries"))
    events.Reload()
    tags: Any = events.Tags()["scalars"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


def test_json_lines_are_there_to_read_at_once_with_null_for_what_is_no_number(tmp_path: Path) -> None:
    tracker = JsonLines(run(tmp_path))
    tracker.log({**METRICS, "kl": math.nan})
    [line] = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line) == {**METRICS, "kl": None}
    tracker.close("finished")


def test_a_full_disk_fails_the_run(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    tracker = JsonLines(run(tmp_path))
    with pytest.raises(RunFailure, match=r"metrics\.jsonl cannot be written: No space left on device"):
        tracker.log(METRICS)
    tracker.close("failed")


def test_tensorboard_shows_rl_games_tags_and_ours_where_it_has_none(tmp_path: Path) -> None:
    tracker = TensorBoardTracker(run(tmp_path))
    tracker.log(METRICS)
    tracker.close("finished")
    assert points_of(tmp_path) == {
        "rewards/step": [(256, 3.0)],
        "rewards/iter": [(2, 3.0)],
        "rewards/time": [(1, 3.0)],
        "episode_lengths/step": [(256, 9.0)],
        "episode_lengths/iter": [(2, 9.0)],
        "episode_lengths/time": [(1, 9.0)],
        "losses/a_loss": [(256, 0.5)],
        "reward/near": [(256, 2.0)],
        "info/epochs": [(256, 2.0)],
    }


def test_tensorboard_shows_settings_and_environment_as_text(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tmp_path / "environment.json").write_text('{"python": "3.11.7"}')
    record(TensorBoardTracker(run(tmp_path)), epochs=range(1, 3))
    record(TensorBoardTracker(run(tmp_path, resumed_at_epoch=1)), epochs=range(2, 3))
    events = EventAccumulator(str(tmp_path / "summaries"))
    events.Reload()
    texts: dict[str, str] = {}
    tags: Any = events.Tags()["tensors"]
    for tag in tags:
        [event] = events.Tensors(tag)
        texts[tag] = event.tensor_proto.string_val[0].decode()
    assert list(texts) == ["config/text_summary", "environment/text_summary"]
    assert "\n    ppo:\n      lr: 0.001\n" in texts["config/text_summary"]
    assert '"python": "3.11.7"' in texts["environment/text_summary"]


def test_a_resumed_run_goes_on_with_its_lines_and_drops_a_broken_one(tmp_path: Path) -> None:
    record(JsonLines(run(tmp_path)), epochs=range(1, 5))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 5, "fra')
    record(JsonLines(run(tmp_path, resumed_at_epoch=2)), epochs=range(3, 6))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [metrics(epoch) for epoch in range(1, 6)]


def test_a_resumed_run_goes_on_with_its_curves_in_tensorboard_over_each_axis(tmp_path: Path) -> None:
    record(TensorBoardTracker(run(tmp_path)), epochs=range(1, 5))
    record(TensorBoardTracker(run(tmp_path, resumed_at_epoch=3)), epochs=range(4, 7))
    record(TensorBoardTracker(run(tmp_path, resumed_at_epoch=2)), epochs=range(3, 6))
    points = points_of(tmp_path)
    assert points["rewards/step"] == [(128 * epoch, 10.0 * epoch) for epoch in range(1, 6)]
    assert points["rewards/iter"] == [(epoch, 10.0 * epoch) for epoch in range(1, 6)]
    assert points["rewards/time"] == [(epoch // 2, 10.0 * epoch) for epoch in range(1, 6)]


def test_a_tensorboard_that_is_open_forgets_what_a_resumed_run_writes_anew(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record(TensorBoardTracker(run(tmp_path)), epochs=range(1, 5))
    events = EventAccumulator(str(tmp_path / "summaries"))
    events.Reload()
    record(TensorBoardTracker(run(tmp_path, resumed_at_epoch=2)), epochs=range(3, 4))
    events.Reload()
    assert [event.step for event in events.Scalars("rewards/step")] == [128, 256, 384]


def test_what_a_crash_left_of_tensorboards_last_record_is_cut_off(tmp_path: Path) -> None:
    record(TensorBoardTracker(run(tmp_path)), epochs=range(1, 3))
    [file] = (tmp_path / "summaries").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    record(TensorBoardTracker(run(tmp_path, resumed_at_epoch=2)), epochs=range(3, 4))
    points = points_of(tmp_path)
    assert points["rewards/step"] == [(128 * epoch, 10.0 * epoch) for epoch in range(1, 4)]
    assert [step for step, _ in points["rewards/time"]] == [0, 1]


def rows(folder: Path) -> list[list[str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_csv_has_a_line_an_epoch_there_to_read_at_once(tmp_path: Path) -> None:
    tracker = CsvTracker(run(tmp_path))
    tracker.log(METRICS)
    tracker.log({**METRICS, "epoch": 3, "return": math.nan, "length": math.inf})
    assert rows(tmp_path) == [
        list(METRICS),
        ["2", "256", "1.5", "3.0", "9.0", "0.5", "2.0"],
        ["3", "256", "1.5", "nan", "inf", "0.5", "2.0"],
    ]
    tracker.close("finished")


def test_a_number_that_comes_up_later_gets_a_column_and_one_that_is_missing_an_empty_cell(tmp_path: Path) -> None:
    tracker = CsvTracker(run(tmp_path))
    tracker.log({"epoch": 1, "frames": 128})
    tracker.log({"epoch": 2, "frames": 256, "reward/a,b": 1.0})
    tracker.log({"epoch": 3, "frames": 384})
    tracker.close("finished")
    assert rows(tmp_path) == [
        ["epoch", "frames", "reward/a,b"],
        ["1", "128", ""],
        ["2", "256", "1.0"],
        ["3", "384", ""],
    ]


def test_a_resumed_run_goes_on_with_its_csv_and_drops_a_broken_line(tmp_path: Path) -> None:
    record(CsvTracker(run(tmp_path)), epochs=range(1, 5))
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("5,64")
    record(CsvTracker(run(tmp_path, resumed_at_epoch=2)), epochs=range(3, 5))
    assert [row[:2] for row in rows(tmp_path)[1:]] == [[str(epoch), str(128 * epoch)] for epoch in range(1, 5)]
    record(CsvTracker(run(tmp_path, resumed_at_epoch=0)), epochs=range(1, 2))
    assert len(rows(tmp_path)) == 2


def test_a_resumed_run_may_begin_with_a_tracker(tmp_path: Path) -> None:
    for tracker in (JsonLines, CsvTracker, TensorBoardTracker):
        record(tracker(run(tmp_path, resumed_at_epoch=7)), epochs=range(8, 10))
    assert [json.loads(line)["epoch"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [8, 9]
    assert [row[0] for row in rows(tmp_path)] == ["epoch", "8", "9"]
    assert [step for step, _ in points_of(tmp_path)["rewards/iter"]] == [8, 9]


def test_a_csv_on_a_full_disk_keeps_what_it_has(tmp_path: Path) -> None:
    tracker = CsvTracker(run(tmp_path))
    tracker.log(metrics(1))
    before = rows(tmp_path)
    (tmp_path / f".metrics.csv.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        tracker.log({**metrics(2), "new": 1.0})
    assert rows(tmp_path) == before
    tracker.close("failed")


def test_scalars_of_an_epoch_are_told_once_under_our_names() -> None:
    scalars = Scalars()
    values: dict[str, Any] = {
        "losses/a_loss": torch.tensor(0.5),
        "losses/discriminator": 2.0,
        "performance/step_time": 1.0,
        "performance/step_inference_time": 3.0,
        "rewards/step": 7.0,
    }
    for tag, value in values.items():
        scalars.add_scalar(tag, value, 128)
    expected = {"loss/actor": 0.5, "losses/discriminator": 2.0, "env_s": 1.0, "rollout_s": 3.0, "inference_s": 2.0}
    assert scalars.drain() == expected
    assert scalars.drain() == {}


def test_means_of_terms_are_taken_over_the_last_episodes() -> None:
    means = EpisodeMeans(window=10)
    means.add({"episodes": 4, "reward/near": 1.0})
    means.add({"episodes": 0})
    assert means.means() == {"reward/near": 1.0}
    means.add({"episodes": 8, "reward/near": 2.0})
    assert means.means() == {"reward/near": pytest.approx((2 * 1.0 + 8 * 2.0) / 10)}
    means.add({"episodes": 50, "reward/near": 5.0})
    assert means.means() == {"reward/near": 5.0}


def test_what_is_not_finite_is_found_among_the_names_that_count() -> None:
    metrics = {"metric/x": math.inf, "loss/actor": math.nan}
    assert first_not_finite(metrics, among=("loss/",)) == "loss/actor"
    assert first_not_finite(metrics, among=("return",)) is None
