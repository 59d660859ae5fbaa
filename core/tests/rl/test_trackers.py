"""Metrics are recorded under the names that people look for."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from point_mass import point_mass_config

from igx.errors import RunFailure
from igx.rl.metrics import EpisodeMeans, Scalars, first_not_finite
from igx.rl.trackers import JsonLines, Run, TensorBoardTracker

METRICS = {"epoch": 2, "frames": 256, "time": 1.5, "return": 3.0, "length": 9.0, "loss/actor": 0.5, "reward/near": 2.0}


def run(folder: Path) -> Run:
    return Run(folder, point_mass_config())


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
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracker = TensorBoardTracker(run(tmp_path))
    tracker.log(METRICS)
    tracker.close("finished")
    events = EventAccumulator(str(tmp_path / "summaries"))
    events.Reload()
    tags: Any = events.Tags()["scalars"]
    points = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}
    assert points == {
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
