"""AMP: its losses are those of the papers, it learns style, its files hold all of it."""

import math
from pathlib import Path
from typing import Any

import pytest
import swaying
import torch
from swaying import Silent, Swaying, Undemonstrated, composed, config, run
from torch import Tensor, nn

from igx.env.make import build
from igx.errors import CheckpointError, ConfigError
from igx.plugins import load_plugins
from igx.rl import checkpoints
from igx.rl.playing import play
from igx.rl.policy import load_policy
from igx.rl.resumption import Epochs
from igx.rl.runner import resume
from igx.sim.mujoco_cpu import MujocoCpu
from igx.tasks.cartpole import Cartpole
from igx_algo_amp.agent import AmpAgent
from igx_algo_amp.discriminator import Discriminator, Penalties

PENALTIES = Penalties(gradient=5.0, logit=0.05, weights=1e-4)


def judge(**settings: Any) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(6, units=(16, 8), activation=nn.Tanh, **settings)


def reference_loss(net: Discriminator, policy: Tensor, demos: Tensor) -> dict[str, float]:
    """The same in float64 by finite differences and textbook formulas."""
    double = net.double()
    with torch.no_grad():
        of_policy, of_demos = torch.sigmoid(double(policy.double())), torch.sigmoid(double(demos.double()))
        prediction = 0.5 * (-(1 - of_policy).log().mean() - of_demos.log().mean())
        step, slopes = 1e-6, []
        for column in range(demos.shape[1]):
            shift = torch.zeros_like(demos.double())
            shift[:, column] = step
            slopes.append((double(demos.double() + shift) - double(demos.double() - shift)) / (2 * step))
        gradient = torch.cat(slopes, dim=-1).square().sum(-1).mean()
        layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
        weights = sum(float(layer.weight.square().sum()) for layer in layers)
        logit = float(net.logit.weight.square().sum())
        whole = prediction + 5.0 * gradient + 0.05 * logit + 1e-4 * weights
    return {"loss": float(whole), "prediction": float(prediction), "gradient": float(gradient)}


def test_its_loss_is_that_of_the_paper() -> None:
    net, policy, demos = judge(), torch.randn(40, 6), torch.randn(30, 6) + 0.5
    parts = net.loss(policy=policy, demonstrations=demos, penalties=PENALTIES)
    found = {name: float(part.detach()) for name, part in parts.items()}
    expected = reference_loss(net, policy, demos)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_its_gradient_is_that_of_its_loss() -> None:
    net, policy, demos = judge().double(), torch.randn(40, 6).double(), torch.randn(30, 6).double()
    net.loss(policy=policy, demonstrations=demos, penalties=PENALTIES)["loss"].backward()
    weight, step = next(net.trunk.parameters()), 1e-6
    assert weight.grad is not None
    for row, column in ((0, 0), (3, 2), (15, 5)):
        losses: list[float] = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[row, column] += sign * step
            loss = net.loss(policy=policy, demonstrations=demos, penalties=PENALTIES)["loss"]
            losses.append(float(loss.detach()))
            with torch.no_grad():
                weight[row, column] -= sign * step
        assert float(weight.grad[row, column]) == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-4)


def test_style_is_worth_what_the_paper_says() -> None:
    net = judge(is_normalized=False)
    motions = 10.0 * torch.randn(200, 6)
    logits = net(motions)[:, 0]
    reward = net.style_reward(motions)[:, 0]
    assert torch.allclose(reward, -torch.log((1 - torch.sigmoid(logits)).clamp(min=1e-4)))
    assert float(reward.max()) <= -math.log(1e-4) + 1e-3


def test_statistics_are_taken_only_while_it_learns() -> None:
    net = judge()
    assert net.normalizer is not None
    net.eval().style_reward(torch.randn(10, 6) + 3.0)
    assert float(net.normalizer.count) == 1.0
    net.train().normalized(torch.randn(10, 6) + 3.0)
    assert float(net.normalizer.count) == 11.0


def test_a_short_training_moves_as_it_is_shown(tmp_path: Path) -> None:
    """Soon, from a policy that runs away; later its speed goes to and fro, as the discriminator judges it."""
    amp = {"lr": 1e-3, "lr_schedule": "constant", "disc_batch_size": 256, "replay_buffer_size": 20000}
    settings: dict[str, Any] = {"sim": {"num_envs": 64}, "amp": amp, "network": {"log_std_init": -1.0}}
    result = run(tmp_path, **settings, run={"name": "a", "max_epochs": 25, "save_every": 1, "seed": 2})
    before, *after = (speed_error(settings, result.folder.epoch(epoch)) for epoch in (1, *range(15, 25)))
    assert before > 2.0
    assert sum(after) / len(after) < 0.5 * before


def speed_error(settings: dict[str, Any], checkpoint: Path) -> float:
    """Mean distance of the cart's speed from the one that is shown, over 60 steps."""
    shown = config(**settings, run={"seed": 3})
    env = swaying.make(shown)
    policy, obs, off = load_policy(checkpoint, shown, env), env.reset(), 0.0
    for _ in range(60):
        obs, *_ = env.step(policy(obs))
        off += float((env.last_obs["amp"][:, 0] - swaying.SPEED).abs().mean()) / 60
    return off


def test_rewards_are_weighted(tmp_path: Path) -> None:
    """Without style AMP earns what PPO would; with both, the shaped return is larger."""
    shaped: dict[str, float] = {}
    for name, weights in {"task": (1.0, 0.0), "both": (1.0, 1.0), "style": (0.0, 1.0)}.items():
        amp = {"task_reward_weight": weights[0], "style_reward_weight": weights[1]}
        result = run(tmp_path, amp=amp, run={"name": name, "max_epochs": 1})
        shaped[name] = float(checkpoints.load(result.folder.last)["igx"]["meters"]["shaped"]["mean"].mean())
    assert shaped["style"] == 0.0 != shaped["task"]  # style is judged once a rollout, after episodes were summed
    assert shaped["both"] == shaped["task"]


def test_the_deviation_stays_unless_it_is_learned(tmp_path: Path) -> None:
    for learns in (False, True):
        amp = {"learn_sigma": learns, "entropy_coef": 0.1}
        result = run(tmp_path, amp=amp, network={"log_std_init": -1.0}, run={"name": str(learns)})
        sigma = checkpoints.load(result.folder.last)["model"]["a2c_network.sigma"]
        assert bool((sigma == -1.0).all()) is not learns


def test_a_learned_deviation_is_never_below_its_least(tmp_path: Path) -> None:
    for learns, least in ((True, -0.9), (False, -1.0)):
        amp = {"learn_sigma": learns, "log_std_min": -0.9, "lr": 1e-6}
        result = run(tmp_path, amp=amp, network={"log_std_init": -1.0}, run={"name": str(learns)})
        sigma = checkpoints.load(result.folder.last)["model"]["a2c_network.sigma"]
        torch.testing.assert_close(sigma, torch.full_like(sigma, least), atol=1e-3, rtol=0.0)


def test_a_full_replay_buffer_takes_a_share(tmp_path: Path) -> None:
    amp = {"replay_buffer_size": 600, "replay_keep_share": 0.1}  # of 512 motions a rollout
    result = run(tmp_path, amp=amp, run={"name": "a", "max_epochs": 5})
    kept = checkpoints.load(result.folder.last)["igx_rollout"]["igx_amp"]
    assert kept["stored"] == 512 + 512 + 3 * 51
    assert len(kept["replay"]["rows"]) == 600
    assert len(kept["demos"]["rows"]) == 500


@pytest.mark.parametrize("ends", [6])
def test_a_run_that_goes_on_becomes_what_it_would_have_become(ends: int, tmp_path: Path) -> None:
    whole = run(tmp_path, run={"name": "whole", "max_epochs": ends})
    part = run(tmp_path, run={"name": "part", "max_epochs": ends // 2})
    settings = composed(config(tmp_path, run={"name": "part", "max_epochs": ends // 2}))
    again = resume(
        settings,
        part.folder,
        plugins=load_plugins(),
        display=Silent(),
        epochs=Epochs(ends, are_more=False),
        make_env=swaying.make,
    )
    reached, planned = (flat(checkpoints.load(result.folder.last)) for result in (again, whole))
    assert reached.keys() == planned.keys()
    assert [name for name in planned if not torch.equal(reached[name], planned[name])] == []
    assert any("discriminator" in name for name in planned)
    assert any("replay" in name for name in planned)


def flat(state: Any, name: str = "") -> dict[str, Tensor]:
    if isinstance(state, Tensor):
        return {name: state}
    pairs = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list | tuple) else ()
    return {key: value for part, inner in pairs for key, value in flat(inner, f"{name}/{part}").items()}


def test_another_run_starts_from_its_policy_and_its_judge(tmp_path: Path) -> None:
    first = run(tmp_path, run={"name": "a"})
    state = checkpoints.load(first.folder.best)
    slow = {"lr": 1e-12, "lr_schedule": "constant"}
    second = run(tmp_path, amp=slow, run={"name": "b", "checkpoint": first.folder.best, "max_epochs": 1})
    for part in ("trunk.0.weight", "logit.weight"):
        ours = checkpoints.load(second.folder.last)["igx_amp"]["discriminator"][part]
        assert torch.allclose(ours, state["igx_amp"]["discriminator"][part], atol=1e-6)
    checkpoints.save(tmp_path / "plain.pth", {name: value for name, value in state.items() if name != "igx_amp"})
    with pytest.raises(CheckpointError, match=r"plain\.pth holds no discriminator: it was not trained by AMP"):
        run(tmp_path, run={"name": "c", "checkpoint": tmp_path / "plain.pth"})


def test_its_policy_plays(tmp_path: Path) -> None:
    result = run(tmp_path, run={"name": "a"})
    env = swaying.make(config())
    assert len(play(env, load_policy(result.folder.best, config(), env), episodes=8).returns) == 8


@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        (Undemonstrated, r"swaying has none: write its method demonstrate\(count\)"),
        (Cartpole, r"swaying declares none; declare amp = group\(when='before_reset'\)"),
    ],
)
def test_a_task_without_demonstrations_is_refused(task: type[Cartpole], complaint: str) -> None:
    settings = config(task=task)
    env = build(task, settings, simulator_class=MujocoCpu)
    for asked in (AmpAgent().require_memory, AmpAgent().params):
        with pytest.raises(ConfigError, match=complaint):
            asked(settings, env)


@pytest.mark.parametrize(
    ("amp", "complaint"),
    [
        ({"task_reward_weight": 0, "style_reward_weight": 0}, "nothing would be paid for"),
        ({"demos_per_epoch": 600}, "demos_per_epoch is 600; demo_buffer_size has room for 500"),
    ],
)
def test_settings_that_make_no_sense_are_refused(amp: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        config(amp=amp)


def test_demonstrations_are_drawn_from_the_tasks_own_generator() -> None:
    env = swaying.make(config())
    assert isinstance(env.task, Swaying)
    state = env.state_dict()
    first = env.task.demonstrate(5)
    env.load_state_dict(state)
    assert torch.equal(env.task.demonstrate(5), first)
