"""What `igx export` writes does what the policy does, says how to run it, and is refused where it is damaged."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from installed import Distributions
from trained import untrained_run

import igx_assets
from igx.config.run_config import RunConfig
from igx.env import make_env
from igx.errors import CheckpointError, ConfigError, RunError, RunFailure
from igx.plugins.discovery import Choice
from igx.plugins.manager import discover
from igx.rl import checkpoints
from igx.rl.bundle import Bundle, read_manifest, sha256
from igx.rl.export import Exported, export
from igx.rl.export_formats import Onnx, TorchScript
from igx.rl.policy import load_policy
from igx.rl.run_folder import RunFolder

PAGE = (Path(__file__).parents[3] / "docs/export.md").read_text()
FORMATS = ("onnx", "torchscript")

LSTM = "network.rnn={type: lstm, units: 8, layers: 2}"
GRU = "network.rnn={type: gru, units: 8, layer_norm: true, before_mlp: true, concat_output: true}"
VARIANTS: dict[str, tuple[str, ...]] = {
    "gaussian": ("cartpole",),
    "tanh": ("cartpole", "network.distribution=tanh", "network.fixed_sigma=false"),
    "separate": ("cartpole", "network.separate=true", "network.d2rl=true", "network.normalization=layer_norm"),
    "gru": ("cartpole", GRU),
    "sac": ("cartpole", "run.agent=sac"),
    "central value": ("cartpole", "task.observations.seen={term: joint_pos, group: critic}", "ppo.central_value={}"),
}

NETWORK_PLUGIN = """
from igx.plugins import NetworkSpec, hookimpl

IGX_API = 1

@hookimpl
def igx_networks():
    yield NetworkSpec(name="wavy", target="acme_wavy_network:WavyBuilder", summary="actor_critic, and a wave.")
"""
NETWORK = """
from rl_games.algos_torch.network_builder import A2CBuilder


class WavyBuilder(A2CBuilder):
    class Network(A2CBuilder.Network):
        def forward(self, obs_dict):
            mu, log_std, value, states = super().forward(obs_dict)
            return mu + 0.5 * (3.0 * obs_dict["obs"]).sin().mean(-1, keepdim=True), log_std, value, states

    def build(self, name, **kwargs):
        return WavyBuilder.Network(self.params, **kwargs)
"""

UNTRACEABLE_NETWORK = """
import torch
from rl_games.algos_torch.network_builder import A2CBuilder


class WavyBuilder(A2CBuilder):
    class Network(A2CBuilder.Network):
        def __init__(self, params, **kwargs):
            super().__init__(params, **kwargs)
            self.unknown = [torch.jit.script(torch.nn.Linear(4, 1))]  # in a list, where torch doesn't look for it

        def forward(self, obs_dict):
            mu, log_std, value, states = super().forward(obs_dict)
            return mu + self.unknown[0](obs_dict["obs"]), log_std, value, states

    def build(self, name, **kwargs):
        return WavyBuilder.Network(self.params, **kwargs)
"""

WITHOUT_IGX = """
import runpy, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("igx", "igx_assets", "rl_games", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def exported(folder: Path, *settings: str, **options: Any) -> Exported:
    run, config = untrained_run(folder / "run", *settings)
    return export(run.last, run, config, **options)


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported cartpole policy, in both formats."""
    return exported(tmp_path_factory.mktemp("cartpole"), "cartpole", formats=FORMATS).folder


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunConfig, Exported]:
    """A recurrent policy of cartpole and what was exported of it, in both formats."""
    run, config = untrained_run(tmp_path_factory.mktemp("lstm") / "run", "cartpole", LSTM)
    return run, config, export(run.last, run, config, formats=FORMATS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_formats_do_what_torch_does(variant: str, tmp_path: Path) -> None:
    result = exported(tmp_path, *VARIANTS[variant], formats=FORMATS)
    assert set(result.errors) == {"policy.onnx", "policy.pt"}
    assert max(result.errors.values()) < 1e-5
    assert {path.name for path in result.folder.iterdir()} == {"policy.onnx", "policy.pt", "policy.json"}


def test_a_recurrent_policy_feeds_its_state_back(lstm: tuple[RunFolder, RunConfig, Exported]) -> None:
    _, _, result = lstm
    assert max(result.errors.values()) < 1e-5
    assert result.manifest["fed_back"] == {"state_0": "next_state_0", "state_1": "next_state_1"}
    assert result.manifest["at_the_start"] == {"state_0": 0.0, "state_1": 0.0}
    assert [port["shape"] for port in result.manifest["inputs"]] == [["N", 4], [2, "N", 8], [2, "N", 8]]


def test_onnxruntime_alone_follows_a_recurrent_policy(lstm: tuple[RunFolder, RunConfig, Exported]) -> None:
    run, config, result = lstm
    session = onnxruntime.InferenceSession(str(result.folder / "policy.onnx"), providers=["CPUExecutionProvider"])
    env = make_env(config.model_copy(update={"sim": config.sim.model_copy(update={"num_envs": 3})}))
    obs, policy = env.reset(), load_policy(run.last, config, env)
    states = {name: np.zeros((2, 3, 8), np.float32) for name in ("state_0", "state_1")}
    farthest = 0.0
    for _ in range(30):
        actions, _, *following = session.run(None, {"obs": obs["policy"].numpy(), **states})
        expected = policy(obs)
        farthest = max(farthest, float(np.abs(actions - expected.numpy().clip(-1, 1)).max()))
        obs, _, terminated, truncated, _ = env.step(expected)
        goes_on = (~(terminated | truncated)).numpy()[None, :, None]
        states = {name: state * goes_on for name, state in zip(states, following, strict=True)}
    env.close()
    assert farthest < 1e-6


def test_observations_are_clipped_and_normalised_and_actions_clipped_and_scaled_inside(tmp_path: Path) -> None:
    run, config = untrained_run(tmp_path / "run", "cartpole", "network.units=[]")
    state = checkpoints.load(run.last)
    weight, bias = state["model"]["a2c_network.mu.weight"], state["model"]["a2c_network.mu.bias"]
    weight.copy_(torch.tensor([[0.3, -0.2, 0.1, 0.4]]))
    bias.fill_(0.05)
    checkpoints.save(run.last, state)
    bundle = Bundle(export(run.last, run, config).folder)
    mean, variance = (state["model"][f"running_mean_std.running_{name}"].numpy() for name in ("mean", "var"))
    obs = np.array([[0.1, -0.2, 0.3, -0.1], [9.0, -9.0, 0.0, 0.0], [-9.0, 9.0, -9.0, -9.0]], np.float32)
    normalised = ((obs.clip(-5, 5) - mean) / np.sqrt(variance + 1e-5)).clip(-5, 5)
    actions = (normalised @ weight.numpy().T + bias.numpy()).clip(-1, 1)
    told = bundle(obs)
    assert np.abs(actions[0]) < 1.0 == np.abs(actions[1])
    assert told["actions"] == pytest.approx(actions, abs=1e-6)
    assert told["controls"] == pytest.approx(400.0 * actions, abs=1e-3)


def test_a_network_of_a_plugin_is_exported_as_it_is(tmp_path: Path, distributions: Distributions) -> None:
    distributions.add("acme-wavy", NETWORK_PLUGIN)
    distributions.write("acme_wavy_network.py", NETWORK)
    plugins = discover(Choice())
    run, config = untrained_run(tmp_path / "run", "cartpole", "network.name=wavy", plugins=plugins)
    result = export(run.last, run, config, formats=FORMATS, plugins=plugins)
    assert max(result.errors.values()) < 1e-5
    obs = np.zeros((2, 4), np.float32)
    obs[1] = 0.5
    assert np.ptp(Bundle(result.folder)(obs)["actions"]) > 0.01


def test_a_network_that_cannot_be_traced_is_refused(tmp_path: Path, distributions: Distributions) -> None:
    distributions.add("acme-wavy", NETWORK_PLUGIN)
    distributions.write("acme_wavy_network.py", UNTRACEABLE_NETWORK)
    plugins = discover(Choice())
    run, config = untrained_run(tmp_path / "run", "cartpole", "network.name=wavy", plugins=plugins)
    with pytest.raises(ConfigError, match="can't be exported, because torch can't trace it: Tried to trace"):
        export(run.last, run, config, plugins=plugins)
    assert not (run.path / "export").exists()


def test_states_of_a_value_network_are_left_out(tmp_path: Path) -> None:
    result = exported(tmp_path, "cartpole", "network.separate=true", "network.rnn={units: 8}")
    assert result.manifest["fed_back"] == {"state_0": "next_state_0", "state_1": "next_state_1"}


def test_targets_that_actions_move_are_fed_back_from_where_the_joints_are(tmp_path: Path) -> None:
    result = exported(tmp_path, "ball-balance", "network.rnn={type: gru, units: 8}")
    manifest = result.manifest
    assert result.errors["policy.onnx"] < 1e-5
    assert manifest["fed_back"] == {"state_0": "next_state_0", "last_controls": "controls"}
    positions = [driven["default_position"] for driven in manifest["actuators"][0]["drives"]]
    assert manifest["at_the_start"] == {"state_0": 0.0, "last_controls": positions}
    assert manifest["actuators"][0]["controls"]["formula"] == "clip(last_control + step * action, lower, upper)"


def test_what_training_does_to_actions_is_told_and_not_in_the_file(tmp_path: Path) -> None:
    disturbed = ("task.action_noise=0.3", "task.action_delay=[0, 2]", "task.observations.pole_vel={noise: 0.1}")
    result = exported(tmp_path, "cartpole", *disturbed)
    assert result.errors["policy.onnx"] < 1e-5
    actions = result.manifest["actions"]
    assert (actions["trained_with_delay_steps"], actions["trained_with_noise"]["scale"]) == ([0, 2], 0.3)
    assert result.manifest["observations"]["terms"][3]["trained_with_noise"]["scale"] == 0.1


def test_policy_json_says_what_a_robot_has_to_know(cartpole: Path) -> None:
    manifest = read_manifest(cartpole)
    assert manifest["control"]["rate_hz"] == pytest.approx(60.24, abs=0.01)
    assert (manifest["control"]["physics_dt"], manifest["control"]["decimation"]) == (0.0083, 2)
    assert manifest["observations"]["clip"] == 5.0
    terms = [(term["name"], term["start"], term["width"], term["unit"]) for term in manifest["observations"]["terms"]]
    assert terms[:2] == [("cart_pos", 0, 1, "m"), ("cart_vel", 1, 1, "m/s")]
    [driven] = manifest["actuators"][0]["drives"]
    assert (driven["joint"], driven["law"], driven["unit"], driven["effort_limit"]) == (
        "slider_to_cart",
        "effort",
        "N",
        1000.0,
    )
    assert [joint["name"] for joint in manifest["robots"][0]["joints"]] == ["slider_to_cart", "cart_to_pole"]
    checkpoint = cartpole.parent / "nn" / manifest["checkpoint"]["file"]
    assert manifest["checkpoint"]["sha256"] == sha256(checkpoint)
    assert manifest["files"]["policy.onnx"]["opset"] == 17
    assert manifest["exported_with"]["torch"] == torch.__version__


def test_the_program_in_the_docs_balances_the_pole_without_igx(tmp_path: Path) -> None:
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(program.splitlines()) <= 30
    (tmp_path / "balance.py").write_text(program)
    run, config = untrained_run(tmp_path / "run", "cartpole", "network.units=[]", "ppo.normalize_input=false")
    state = checkpoints.load(run.last)
    state["model"]["a2c_network.mu.weight"].copy_(torch.tensor([[0.02, 0.03, -0.2, -0.03]]))  # leans against the fall
    checkpoints.save(run.last, state)
    folder = export(run.last, run, config).folder
    command = [sys.executable, "-c", WITHOUT_IGX, tmp_path / "balance.py", folder, igx_assets.path("cartpole")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    told = re.search(r"leans by (\S+) rad, and the cart is at (\S+) m", done.stdout)
    assert told, done.stdout
    assert abs(float(told[1])) < 0.001
    assert abs(float(told[2])) < 0.01


def test_a_file_that_differs_is_not_kept(tmp_path: Path) -> None:
    run, config = untrained_run(tmp_path / "run", "cartpole")
    with pytest.raises(
        RunFailure, match=r"The exported policy\.onnx differs from the policy by .*e-0., more than 1\.0e-12"
    ):
        export(run.last, run, config, tolerance=1e-12)
    assert not (run.path / "export").exists()


def test_a_policy_that_is_no_number_is_not_kept(tmp_path: Path) -> None:
    run, config = untrained_run(tmp_path / "run", "cartpole")
    state = checkpoints.load(run.last)
    state["model"]["a2c_network.mu.bias"].fill_(torch.nan)
    checkpoints.save(run.last, state)
    with pytest.raises(RunFailure, match="differs from the policy by nan"):
        export(run.last, run, config, formats=("torchscript",))


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, config = untrained_run(tmp_path / "run", "cartpole")
    with pytest.raises(ConfigError, match=r"A policy can't be exported as 'onx'\. Did you mean 'onnx'\?"):
        export(run.last, run, config, formats=("onx",))
    with pytest.raises(ConfigError, match="operator sets from 9 to 20, not 40"):
        export(run.last, run, config, opset=40)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"The policy can't be written to .*file: File exists"):
        export(run.last, run, config, to=tmp_path / "file")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"ONNX needs the package onnx: pip install 'igx\[onnx\]'\."):
        export(run.last, run, config)


def test_an_older_operator_set_does_the_same(tmp_path: Path) -> None:
    result = exported(tmp_path, "cartpole", GRU, opset=11)
    assert result.manifest["files"]["policy.onnx"]["opset"] == 11
    assert result.errors["policy.onnx"] < 1e-5


def test_rows_start_anew_where_they_are_told_to(lstm: tuple[RunFolder, RunConfig, Exported]) -> None:
    bundle = Bundle(lstm[2].folder)
    bundle.restart(rows=2)
    obs = np.full((2, 4), 0.5, np.float32)
    first, second = bundle(obs)["actions"], bundle(obs)["actions"]
    assert not np.array_equal(first, second)
    bundle.forget(np.array([True, False]))
    third = bundle(obs)["actions"]
    assert third[0] == pytest.approx(first[0], abs=1e-6)
    assert third[1] != pytest.approx(first[1], abs=1e-6)


@pytest.mark.parametrize("known", FORMATS)
def test_a_damaged_file_is_refused(cartpole: Path, tmp_path: Path, known: str) -> None:
    name = {"onnx": "policy.onnx", "torchscript": "policy.pt"}[known]
    manifest = json.loads((cartpole / "policy.json").read_text())
    (tmp_path / name).write_bytes((cartpole / name).read_bytes()[:-100])
    (tmp_path / "policy.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=rf"{name} is not the file that policy\.json describes"):
        Bundle(tmp_path, known)
    manifest["files"][name]["sha256"] = sha256(tmp_path / name)
    (tmp_path / "policy.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=rf"{name} cannot be read: it is damaged"):
        Bundle(tmp_path, known)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("{", "cannot be read: it is damaged"),
        ("[]", "describes no policy that igx exported"),
        ('{"format": "other"}', "describes no policy that igx exported"),
        ('{"format": "igx-policy", "format_version": 2}', "has format version 2; this igx reads 1"),
        ('{"format": "igx-policy", "format_version": 1}', "cannot be read: it lacks 'files'"),
    ],
)
def test_a_manifest_of_something_else_is_refused(tmp_path: Path, written: str, complaint: str) -> None:
    (tmp_path / "policy.json").write_text(written)
    with pytest.raises(CheckpointError, match=complaint):
        Bundle(tmp_path)


def test_what_was_not_exported_is_missed(cartpole: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no policy\.json, so no exported policy"):
        Bundle(tmp_path)
    with pytest.raises(ConfigError, match="A policy can't be exported as 'tflite'"):
        Bundle(cartpole, "tflite")
    manifest = json.loads((cartpole / "policy.json").read_text())
    del manifest["files"]["policy.pt"]
    (tmp_path / "policy.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"There is no policy\.pt in .*; of this policy it holds policy\.onnx"):
        Bundle(tmp_path, "torchscript")


@pytest.mark.parametrize("known", [Onnx(), TorchScript()])
def test_a_file_of_something_else_is_refused(tmp_path: Path, known: Onnx | TorchScript) -> None:
    (tmp_path / known.file).write_text("no policy")
    with pytest.raises(CheckpointError, match=f"{known.file} cannot be read: it is damaged"):
        known.read(tmp_path / known.file, ["actions"])
