"""`igx show`, and the task, options and settings that it shares with the other commands on a run."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from installed import Program

from igx.cli.options import RunCommand, RunRequest
from igx.config.overrides import Assignment


def asked(*arguments: str) -> RunRequest:
    """What a command on a run makes of its arguments."""
    requests: list[RunRequest] = []

    @click.command("test", cls=RunCommand)
    @click.option("--loud", is_flag=True)
    @click.option("--times", type=int)
    def command(*, request: RunRequest, loud: bool, times: int | None) -> None:  # noqa: ARG001
        requests.append(request)

    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    assert result.exception is None
    return requests[0]


def test_settings_keep_the_order_of_the_command_line() -> None:
    request = asked(
        *("sim.num_envs=1", "--num-envs", "2", "ant", "-o", "sim.num_envs=3", "--loud", "--num-envs=4", "num_envs=5"),
        *("--times", "3", "--override=sim.num_envs=6", "-osim.num_envs=7", "--seed", "-1"),
    )
    assert request.task == "ant"
    assert request.overrides == (
        Assignment("sim.num_envs", 1, "--override"),
        Assignment("sim.num_envs", 2, "--num-envs"),
        Assignment("sim.num_envs", 3, "--override"),
        Assignment("sim.num_envs", 4, "--num-envs"),
        Assignment("sim.num_envs", 5, "num_envs=5"),
        Assignment("sim.num_envs", 6, "--override"),
        Assignment("sim.num_envs", 7, "--override"),
        Assignment("run.seed", -1, "--seed"),
    )


def test_the_value_of_an_option_is_no_setting() -> None:
    request = asked("--name", "a=b", "--config", "x=y.yaml", "--preset", "p=q", "--preset", "r")
    assert request.overrides == (Assignment("run.name", "a=b", "--name"),)
    assert (request.config_file, request.presets, request.task) == (Path("x=y.yaml"), ("p=q", "r"), None)


def test_options_for_text_take_it_as_it_stands() -> None:
    options = {
        "name": "007",
        "device": "cpu",
        "simulator": "null",
        "agent": "1e3",
        "runs_dir": "3",
        "checkpoint": "1.pth",
    }
    request = asked(*(part for name, text in options.items() for part in (f"--{name.replace('_', '-')}", text)))
    assert [assignment.value for assignment in request.overrides] == list(options.values())
    assert asked("--max-epochs", "null").overrides == (Assignment("run.max_epochs", None, "--max-epochs"),)


@pytest.mark.parametrize(
    ("arguments", "tracked"),
    [
        (("--track", "wandb"), ["tensorboard", "wandb"]),
        (("--track", "wandb", "--track", "csv", "--track", "wandb"), ["tensorboard", "csv", "wandb"]),
        (("--track", "none"), []),
        (("--track", "none", "--track", "csv"), ["csv"]),
        (("--track", "csv", "run.track=[mlflow]"), ["mlflow"]),
        (("run.track=[mlflow]", "--track", "csv"), ["tensorboard", "csv"]),
    ],
)
def test_track_adds_to_what_is_tracked_anyway(arguments: tuple[str, ...], tracked: list[str]) -> None:
    assert asked(*arguments).overrides[-1].value == tracked


def test_task_and_settings_of_isaac_gym_envs() -> None:
    request = asked("task=Ant", "headless=False", "max_iterations=3")
    assert [(a.path, a.value) for a in request.overrides] == [("run.task", "ant"), ("run.max_epochs", 3)]


def test_show_prints_terms_spaces_and_settings_with_their_origins(igx: Program) -> None:
    done = igx("show", "cartpole", "--device", "cpu", "--num-envs", "32", "ppo.lr=1e-3", "headless=False")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "warning: headless=False has no effect: there is no viewer yet, so it runs headless.\n"
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][0] == "cartpole:"
    assert ["kind", "term", "width", "options", "parameters"] in lines
    assert ["action", "1", "numbers", "from", "-1", "to", "1"] in lines
    assert ["actuator", "effort", "slider_to_cart"] in lines
    assert ["observation", "policy", "4", "numbers"] in lines
    assert ["num_envs", "32", "--num-envs"] in lines
    assert ["lr", "0.001", "--override"] in lines
    assert ["gamma", "0.99", "default"] in lines
    assert ["device", "cpu", "--device"] in lines
    assert ["simulator", "mujoco-cpu", "auto"] in lines


def test_show_as_json(igx: Program) -> None:
    done = igx("show", "cartpole", "--json", "--device", "cpu")
    shown = json.loads(done.stdout)
    assert (shown["task"], shown["agent"], shown["actions"]) == ("cartpole", "ppo", 1)
    assert sum(term["width"] for term in shown["terms"] if term["kind"] == "observation") == 4
    assert shown["observations"] == {"policy": 4}
    assert shown["actuators"] == {"effort": ["slider_to_cart"]}
    assert shown["config"]["sim"]["device"] == "cpu"
    assert shown["origins"]["sim.device"] == "--device"


def test_show_writes_the_json_schema_of_all_settings(igx: Program) -> None:
    schema = json.loads(igx("show", "cartpole", "--schema").stdout)
    assert set(schema["properties"]) == {"task", "sim", "ppo", "network", "run"}
    lr = schema["$defs"]["PpoConfig"]["properties"]["lr"]
    assert (lr["exclusiveMinimum"], lr["maximum"], lr["default"]) == (0, 1, 3e-4)
    assert lr["description"].startswith("Learning rate")


SEE = "See `igx show --help`."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: No task is named. Say which, e.g. `igx train ant`; `igx list-tasks` shows those there are."),
        (("cartpol",), "error: No task is called 'cartpol'. Did you mean 'cartpole'?"),
        (
            ("cartpole", "--num-envs", "0", "--device", "cpu"),
            (
                "error: sim.num_envs is 0 (--num-envs); it must be at least 1. "
                "Without this it is 512 (preset cartpole.cpu:2)."
            ),
        ),
        (
            ("cartpole", "task.rewards.x={term: action_rate_l2, weigth: 1}"),
            "error: There is no task.rewards.x.weigth (--override). Did you mean 'weight'?",
        ),
        (("cartpole", "network.name=foo"), "error: No network is called 'foo'. Known: actor_critic."),
        (("cartpole", "--preset", "none"), "error: Task 'cartpole' has no preset 'none'. Known: cpu, gpu."),
        (("cartpole", "--config", "nowhere.yaml"), "error: config file 'nowhere.yaml' does not exist."),
        (
            ("cartpole", "test=True"),
            "error: test=True can't be had: playing a policy is a command of its own, `igx play RUN_OR_CHECKPOINT`.",
        ),
        (("cartpole", "--num-envs"), "error: Option '--num-envs' requires an argument."),
        (("cartpole", "ppo.lr"), "error: 'ppo.lr' is no setting; write name=value without spaces.\n" + SEE),
        (("cartpole", "ppo.lr", "=", "3"), "error: 'ppo.lr' is no setting; write name=value without spaces.\n" + SEE),
        (
            ("cartpole", "~task.rewards.alive"),
            "error: ~task.rewards.alive: nothing can be deleted; a term is switched off by task.rewards.alive=0.\n"
            + SEE,
        ),
        (("cartpole", "--num_envs", "3"), "error: No such option '--num_envs'. Did you mean '--num-envs'?\n" + SEE),
        (
            ("cartpole", "--lr", "3"),
            "error: No such option '--lr'. A setting is written without dashes, e.g. ppo.lr=3e-4.\n" + SEE,
        ),
        (("--task", "ant"), "error: No such option '--task': the task stands by itself, e.g. `igx train ant`.\n" + SEE),
        (
            ("cartpole", "--checkpoint", "."),
            "error: run.checkpoint is ., a folder; it must be a file, of a run e.g. nn/best.pth.",
        ),
        (("cartpole", "ant"), "error: Got unexpected extra argument (ant)\nSee `igx show --help`."),
    ],
)
def test_wrong_input_is_refused_in_words(igx: Program, arguments: tuple[str, ...], message: str) -> None:
    done = igx("show", *arguments)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (2, "", message)
