"""A run: what it leaves in its folder, whom it tells, how it ends."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from installed import Distributions
from point_mass import point_mass_config
from runs import Silent, composed, run

from igx.errors import CheckpointError, ConfigError, RunError, RunFailure, SimulatorError, UnknownNameError
from igx.plugins import Plugins, load_plugins
from igx.plugins.discovery import Choice
from igx.rl import checkpoints
from igx.rl.playing import play
from igx.rl.policy import load_policy
from igx.rl.runner import train

HERE = Path(__file__).parent


def test_a_trained_policy_is_far_better_than_an_untrained_one(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "sim": {"num_envs": 64},
        "ppo": {"lr": 3e-3, "horizon": 16, "mini_epochs": 4, "num_minibatches": 2},
        "network": {"units": [32]},
    }
    result = run(tmp_path, **settings, run={"name": "a", "max_epochs": 60, "save_every": 1})
    untrained, trained = (play_with(settings["network"], path) for path in (result.folder.epoch(1), result.folder.best))
    assert trained > untrained + 4.0
    assert trained > 14.0


def play_with(network: dict[str, Any], checkpoint: Path) -> float:
    """Mean return of the policy in `checkpoint`, over 64 episodes of 30 steps at 1 at most."""
    config = point_mass_config(settings={"network": network, "sim": {"num_envs": 64}, "run": {"seed": 1}})
    env = point_mass.make(config)
    return sum(play(env, load_policy(checkpoint, config, env), episodes=64).returns) / 64


def test_a_run_leaves_settings_metrics_and_checkpoints(tmp_path: Path) -> None:
    display = Silent()
    result = run(
        tmp_path, display=display, run={"name": "a", "max_epochs": 6, "save_every": 2, "track": ["tensorboard"]}
    )
    folder = result.folder
    assert (result.outcome, result.epochs, result.frames) == ("finished", 6, 6 * 16 * 8)
    assert display.folders == [tmp_path / "a"] == [folder.path]
    assert "max_epochs: 6" in folder.config_file.read_text()
    assert json.loads(folder.environment_file.read_text())["packages"]["rl-games"]
    assert sorted(path.name for path in folder.networks.iterdir()) == [
        "best.pth",
        "epoch_000002.pth",
        "epoch_000004.pth",
        "epoch_000006.pth",
        "last.pth",
    ]
    assert [path.name.startswith("events.out.tfevents") for path in folder.summaries.iterdir()] == [True]
    lines = [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines == display.epochs


@pytest.mark.parametrize("agent", ["ppo", "rl-games-ppo"])
def test_every_epoch_tells_its_numbers(agent: str, tmp_path: Path) -> None:
    display = Silent()
    run(tmp_path, agent=agent, display=display, run={"name": "a", "max_epochs": 6, "games_to_track": 16})
    first, last = display.epochs[0], display.epochs[-1]
    always = {"epoch", "frames", "time", "steps_per_s", "rollout_steps_per_s", "env_s", "inference_s", "update_s"}
    always |= {"loss/actor", "loss/critic", "loss/bounds", "entropy", "kl", "lr", "episodes", "unstable"}
    assert always <= set(first)
    assert {"return", "length", "reward/near", "reward/effort"} <= set(last)
    assert last["frames"] == 6 * 16 * 8
    assert last["return"] == pytest.approx(last["reward/near"] + last["reward/effort"], rel=0.3)
    phases = last["env_s"] + last["inference_s"] + last["update_s"]
    assert last["steps_per_s"] == pytest.approx(16 * 8 / phases, rel=0.1)


@pytest.mark.parametrize("agent", ["ppo", "rl-games-ppo"])
def test_diagnostics_are_told_if_asked(agent: str, tmp_path: Path) -> None:
    display = Silent()
    run(tmp_path, agent=agent, display=display, ppo={"diagnostics": True}, run={"name": "a", "max_epochs": 2})
    assert {"diagnostics/clip_frac/0", "diagnostics/clip_frac/1", "diagnostics/exp_var"} <= set(display.epochs[-1])


def test_only_the_newest_periodic_checkpoints_are_kept_if_asked(tmp_path: Path) -> None:
    result = run(tmp_path, run={"name": "a", "max_epochs": 5, "save_every": 1, "keep_checkpoints": 2})
    assert [path.name for path in result.folder.epochs()] == ["epoch_000004.pth", "epoch_000005.pth"]


def test_the_best_checkpoint_is_of_the_best_return(tmp_path: Path) -> None:
    display = Silent()
    result = run(tmp_path, display=display, run={"name": "a", "max_epochs": 12})
    best = max(epoch.get("return", -1e9) for epoch in display.epochs)
    assert result.best_return == best
    assert checkpoints.load(result.folder.best)["last_mean_rewards"] == pytest.approx(best)


def test_a_run_ends_once_its_aim_is_reached(tmp_path: Path) -> None:
    result = run(tmp_path, run={"name": "a", "max_epochs": 500, "score_to_win": -100.0})
    assert result.outcome == "finished"
    assert result.epochs < 10
    assert result.folder.last.exists()


def test_a_linear_learning_rate_falls_by_frames_where_epochs_have_no_end(tmp_path: Path) -> None:
    display, limits = Silent(), {"name": "a", "max_epochs": None, "max_frames": 4 * 16 * 8}
    run(tmp_path, display=display, ppo={"lr": 1e-3, "lr_schedule": "linear"}, run=limits)
    assert [epoch["lr"] for epoch in display.epochs] == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4], abs=1e-6)


def test_a_schedule_by_frames_is_refused_by_rl_games_own_agent(tmp_path: Path) -> None:
    limits = {"name": "a", "max_epochs": None, "max_frames": 512}
    with pytest.raises(ConfigError, match=r"which rl_games' PPO cannot do by run\.max_frames; say --agent ppo, or set"):
        run(tmp_path, agent="rl-games-ppo", ppo={"lr_schedule": "linear"}, run=limits)
    assert list(tmp_path.iterdir()) == []


def test_runs_that_nobody_named_are_named_after_task_and_time(tmp_path: Path) -> None:
    folders = {run(tmp_path, run={"max_epochs": 1}).folder.path for _ in range(2)}
    assert len(folders) == 2
    assert all(folder.name.startswith("point-mass_20") for folder in folders)


def test_a_folder_that_is_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RunError, match=r"The run folder .*a is already there; choose another --name\."):
        run(tmp_path, run={"name": "a"})


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file is no folder; choose another place for runs with --runs-dir\."):
        run(tmp_path / "file")
    with pytest.raises(RunError, match=r"cannot be written: Not a directory\. Choose another place with --runs-dir\."):
        run(tmp_path / "file" / "runs")


def test_a_run_that_cannot_begin_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="central_value"):
        run(tmp_path, run={"name": "a"}, ppo={"central_value": {}})
    assert list(tmp_path.iterdir()) == []


def test_a_run_starts_from_the_weights_and_statistics_of_a_checkpoint(tmp_path: Path) -> None:
    first = run(tmp_path, run={"name": "first"})
    start = checkpoints.load(first.folder.last)
    still = {"lr": 1e-6, "lr_schedule": "constant", "mini_epochs": 1}
    second = run(tmp_path, ppo=still, run={"name": "second", "max_epochs": 1, "checkpoint": str(first.folder.last)})
    reached = checkpoints.load(second.folder.last)
    weight = "a2c_network.mu.weight"
    assert torch.allclose(reached["model"][weight], start["model"][weight], atol=1e-4)
    count = "running_mean_std.count"
    assert reached["model"][count] == start["model"][count] + 16 * 8
    assert (reached["epoch"], reached["frame"]) == (1, 16 * 8)


@pytest.mark.parametrize("agent", ["ppo", "rl-games-ppo"])
def test_a_checkpoint_of_another_network_is_refused(agent: str, tmp_path: Path) -> None:
    first = run(tmp_path, run={"name": "first", "max_epochs": 1})
    with pytest.raises(CheckpointError, match=r"actor_mlp\.0\.weight is \[16, 4\] there and \[8, 4\] here"):
        run(tmp_path, agent=agent, network={"units": [8]}, run={"name": "b", "checkpoint": str(first.folder.last)})
    assert not (tmp_path / "b").exists()


def test_a_checkpoint_without_a_central_value_is_refused_by_a_run_with_one(tmp_path: Path) -> None:
    first = run(tmp_path, run={"name": "first", "max_epochs": 1})
    settings: dict[str, Any] = {"task": {"critic": True}, "ppo": {"central_value": {}}}
    with pytest.raises(CheckpointError, match=r"last\.pth holds no central value network"):
        run(tmp_path, **settings, run={"name": "b", "checkpoint": str(first.folder.last)})


@pytest.mark.parametrize("agent", ["ppo", "rl-games-ppo"])
def test_a_policy_that_diverges_ends_the_run_and_keeps_the_last_good_checkpoint(agent: str, tmp_path: Path) -> None:
    task = {"breaks_in_step": 8 * 6 + 1}
    with pytest.raises(RunFailure) as caught:
        run(
            tmp_path,
            agent=agent,
            task=task,
            run={"name": "a", "max_epochs": 20, "save_best_after": 99, "save_every": 1},
        )
    good = tmp_path / "a" / "nn" / "epoch_000006.pth"
    assert str(caught.value).startswith("Training diverged in epoch 7: ")
    assert f"the last good checkpoint is {good}. A lower ppo.lr may help." in str(caught.value)
    assert checkpoints.is_finite(checkpoints.load(good))
    assert checkpoints.load(tmp_path / "a" / "nn" / "last.pth")["epoch"] == 1


def test_the_environment_is_closed_however_a_run_ends(tmp_path: Path) -> None:
    made: list[Any] = []

    def make(*args: Any, **kwargs: Any) -> Any:
        made.append(point_mass.make(*args, **kwargs))
        return made[-1]

    for breaks in (0, 1):
        settings = composed(tmp_path, task={"breaks_in_step": breaks}, run={"name": str(breaks)})
        try:
            train(settings, plugins=load_plugins(), display=Silent(), make_env=make)
        except RunFailure:
            continue
    assert [env.is_closed for env in made] == [True, True]


def test_the_display_is_closed_when_no_environment_can_be_made(tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise SimulatorError("no engine")

    display = Silent()
    with pytest.raises(SimulatorError, match="no engine"):
        train(composed(tmp_path), plugins=load_plugins(), display=display, make_env=refuse)
    assert display.ends == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_breaks_saves_the_policy_it_had(tmp_path: Path) -> None:
    def make(*args: Any, **kwargs: Any) -> Any:
        env, steps = point_mass.make(*args, **kwargs), count(1)
        step = env.step

        def fragile(action: torch.Tensor) -> Any:
            if next(steps) == 8 * 2 + 1:
                raise ZeroDivisionError
            return step(action)

        env.step = fragile
        return env

    settings = composed(tmp_path, run={"name": "a", "max_epochs": 9})
    with pytest.raises(ZeroDivisionError):
        train(settings, plugins=load_plugins(), display=Silent(), make_env=make)
    assert checkpoints.load(tmp_path / "a" / "nn" / "last.pth")["frame"] == 2 * 8 * 16


def test_troubles_of_the_engine_are_reported_but_not_over_and_over(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def make(*args: Any, **kwargs: Any) -> Any:
        env, unstable = point_mass.make(*args, **kwargs), iter([0, 2, 3, 20, 21, 5])
        told = env.episode_metrics
        env.episode_metrics = lambda: {**told(), "unstable": float(next(unstable))}
        env.overflows = lambda: {"sim.contacts_per_env": 4}
        return env

    settings = composed(tmp_path, run={"name": "a", "max_epochs": 6})
    train(settings, plugins=load_plugins(), display=Silent(), make_env=make)
    assert [record.message for record in caplog.records] == [
        "epoch 1: sim.contacts_per_env is too small in 4 environments; raise it",
        "epoch 2: 2 environments became unstable and were started again",
        "epoch 5: 21 environments became unstable and were started again",
    ]


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="No tracker is called 'tensorbord'"):
        run(tmp_path, run={"track": ["tensorbord"]})
    assert list(tmp_path.iterdir()) == []


OBSERVER = """
from igx.plugins import TrackerSpec, hookimpl

IGX_API = 1
told = []

@hookimpl
def igx_run_started(run):
    told.append(("started", run.folder.name))

@hookimpl
def igx_epoch_ended(run, metrics):
    told.append(("epoch", metrics["epoch"]))

@hookimpl
def igx_run_ended(run, outcome):
    told.append(("ended", outcome))

@hookimpl
def igx_trackers():
    yield TrackerSpec(name="picky", target="acme_tracker:Picky", summary="Fails in the second epoch.")
    yield TrackerSpec(name="stillborn", target="acme_tracker:Stillborn", summary="Can't begin.")
    yield TrackerSpec(name="needy", target="acme_tracker:Needy", summary="Lacks something.")
"""

PICKY = """
from igx.errors import RunError
from igx.rl.trackers import Tracker

closed = []

class Picky(Tracker):
    def log(self, metrics):
        if metrics["epoch"] == 2:
            raise ValueError("enough")

    def close(self, outcome):
        closed.append(outcome)

class Stillborn(Tracker):
    def __init__(self, run):
        raise OSError("no network")

class Needy(Tracker):
    @classmethod
    def require(cls):
        raise RunError("Needy needs a licence.")
"""


@pytest.fixture
def acme(distributions: Distributions) -> Plugins:
    """The plugins with one that observes runs and offers a tracker that fails."""
    from igx.plugins.manager import discover

    distributions.add("igx-acme", OBSERVER)
    distributions.write("acme_tracker.py", PICKY)
    return discover(Choice())


def test_observers_are_told_when_a_run_starts_when_its_epochs_end_and_when_it_ends(
    acme: Plugins, tmp_path: Path
) -> None:
    run(tmp_path, plugins=acme, run={"name": "a", "max_epochs": 2})
    told = sys.modules["igx_acme"].told
    assert told == [("started", "a"), ("epoch", 1), ("epoch", 2), ("ended", "finished")]


def test_observers_are_told_of_a_failure(acme: Plugins, tmp_path: Path) -> None:
    with pytest.raises(RunFailure):
        run(tmp_path, plugins=acme, task={"breaks_in_step": 1}, run={"name": "a"})
    assert sys.modules["igx_acme"].told[-1] == ("ended", "failed")


def test_a_tracker_that_fails_is_reported_and_left_out(
    acme: Plugins, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    result = run(tmp_path, plugins=acme, run={"name": "a", "max_epochs": 4, "track": ["picky"]})
    assert result.epochs == 4
    complaints = [record.message for record in caplog.records]
    assert complaints == ["Picky failed (ValueError: enough); it gets no more metrics"]


def test_a_tracker_that_cannot_begin_is_reported_and_left_out(
    acme: Plugins, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    result = run(tmp_path, plugins=acme, run={"name": "a", "max_epochs": 2, "track": ["stillborn", "picky"]})
    assert result.epochs == 2
    complaints = [record.message for record in caplog.records]
    assert complaints[0] == "Stillborn failed (OSError: no network); it gets no more metrics"
    assert sys.modules["acme_tracker"].closed == []


def test_a_tracker_that_lacks_something_is_refused_before_there_is_a_run(acme: Plugins, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^Needy needs a licence\.$"):
        run(tmp_path, plugins=acme, run={"name": "a", "track": ["needy"]})
    assert not (tmp_path / "a").exists()


TRAIN_UNTIL_TOLD = """
    import sys

    sys.path.insert(0, {here!r})
    import point_mass
    from runs import Silent, composed
    from pathlib import Path
    from igx.plugins import load_plugins
    from igx.rl.runner import train

    class Talks(Silent):
        def epoch(self, metrics):
            print("epoch", int(metrics["epoch"]), flush=True)

    settings = composed(Path({runs_dir!r}), run={{"name": "a", "max_epochs": None, "save_every": 0}})
    result = train(settings, plugins=load_plugins(), display=Talks(), make_env=point_mass.make)
    print(result.outcome, result.signal.name, result.epochs, flush=True)
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], "subprocess.Popen[str]"]:
    """Starts a run without end in a process of its own and waits for its second epoch."""

    def begin() -> "subprocess.Popen[str]":
        code = textwrap.dedent(TRAIN_UNTIL_TOLD).format(here=str(HERE), runs_dir=str(tmp_path))
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        while process.stdout.readline().strip() != "epoch 2":
            assert process.poll() is None, process.communicate()
        return process

    return begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_a_run_with_a_checkpoint(
    number: signal.Signals, start: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = start()
    process.send_signal(number)
    output, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    outcome, name, epochs = output.splitlines()[-1].split()
    assert (outcome, name) == ("interrupted", number.name)
    assert checkpoints.load(tmp_path / "a" / "nn" / "last.pth")["epoch"] == int(epochs)


def test_a_second_ctrl_c_ends_a_run_at_once(start: Callable[[], "subprocess.Popen[str]"], tmp_path: Path) -> None:
    process = start()
    while process.poll() is None:  # two may fall on one moment, when Python sees only one
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    output, complaints = process.communicate(timeout=60)
    was_killed = process.returncode == -signal.SIGINT  # by the third one, while it still wrote down how it ended
    assert "interrupted" in output or "KeyboardInterrupt" in complaints or was_killed
    assert was_killed or not list((tmp_path / "a" / "nn").glob("*.part"))


@pytest.mark.parametrize(("agent", "advice"), [("ppo", "ppo.central_value={} makes"), ("sac", "only PPO has")])
def test_observations_that_no_network_sees_are_told_of(
    agent: str, advice: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, agent=agent, task={"critic": True}, run={"name": "a", "max_epochs": 1})
    [told] = [message for message in caplog.messages if "critic" in message]
    assert told.startswith(f"no network sees the observations of group 'critic' (state); {advice}")
