"""The ant on the real engine: each step against MuJoCo's own, and the reference's formulas written out in NumPy."""

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

import igx
from igx.math import rotate
from igx.sim.entities import ArticulationState
from igx.testing import short_training

DT, TARGET, T = 0.0166, np.array([1000.0, 0.0]), 60
FEET = [f"robot/{leg}_foot" for leg in ("front_left", "front_right", "left_back", "right_back")]
Vector = np.ndarray[Any, np.dtype[np.float64]]


def distance(pos: Vector) -> float:
    return float(np.hypot(*(TARGET - pos[:2])))


def foot_wrenches(model: mujoco.MjModel, data: mujoco.MjData) -> Vector:
    """Contact force and torque on each foot about its origin, in its own frame, of the substep just simulated."""
    wrenches = np.zeros((4, 6))
    local = np.zeros(6)
    for row, foot in enumerate(FEET):
        body = model.body(foot).id
        turn = data.xmat[body].reshape(3, 3)
        for number in range(data.ncon):
            contact = data.contact[number]
            bodies = [int(model.geom_bodyid[geom]) for geom in contact.geom]
            if body not in bodies:
                continue
            mujoco.mj_contactForce(model, data, number, local)
            sign = 1.0 if bodies[1] == body else -1.0  # MuJoCo gives what the first geom does to the second
            axes = contact.frame.reshape(3, 3)
            force, torque = sign * axes.T @ local[:3], sign * axes.T @ local[3:]
            torque = torque + np.cross(contact.pos - data.xpos[body], force)
            wrenches[row] += np.concatenate([turn.T @ force, turn.T @ torque])
    return wrenches


def observe(model: mujoco.MjModel, data: mujoco.MjData, wrenches: Vector, action: Vector) -> Vector:
    """The sixty columns."""
    pos, quat = data.qpos[:3], data.qpos[3:7]
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, quat)
    turn = turn.reshape(3, 3)
    w, x, y, z = quat
    yaw = math.atan2(2 * (w * z + x * y), w * w + x * x - y * y - z * z) % (2 * math.pi)
    roll = math.atan2(2 * (w * x + y * z), w * w - x * x - y * y + z * z) % (2 * math.pi)
    to_target = np.append(TARGET - pos[:2], 0.0)
    lower, upper = model.jnt_range[1:].T
    return np.concatenate(
        [
            [pos[2]],
            turn.T @ data.qvel[:3],
            data.qvel[3:6],
            [yaw, roll],
            [math.atan2(to_target[1], to_target[0]) - yaw],
            [turn[2, 2]],
            [turn[:, 0] @ to_target / np.linalg.norm(to_target)],
            (2 * data.qpos[7:] - upper - lower) / (upper - lower),
            0.2 * data.qvel[6:],
            0.1 * wrenches.ravel(),
            action,
        ]
    )


def worth(obs: Vector, before: float, after: float) -> float:
    """The reward of a step, from what is observed after it and the distances to the target."""
    action, joints, speeds = obs[52:], obs[12:20], obs[20:28]
    if obs[0] < 0.31:
        return -2.0
    reward = (before - after) / DT + 0.5
    reward += 0.5 if obs[11] > 0.8 else 0.5 * obs[11] / 0.8
    reward += 0.1 if obs[10] > 0.93 else 0.0
    return reward - 0.005 * action @ action - 0.05 * np.abs(action * speeds).sum() - 0.1 * (joints > 0.99).sum()


def angles_apart(one: Vector, other: Vector) -> Vector:
    """Differences of observations, of which columns 7 to 9 are angles."""
    apart = one - other
    apart[7:10] = (apart[7:10] + math.pi) % (2 * math.pi) - math.pi
    return np.abs(apart)


def test_every_step_is_what_mujoco_and_the_formulas_say() -> None:
    num_envs = 8
    converged = ["sim.solver_iterations=100", "sim.ls_iterations=50"]  # so that where the solver starts does not matter
    settings = [f"task.episode_steps={T}", *converged]
    env = igx.make("ant", num_envs=num_envs, device="cpu", seed=5, overrides=settings)
    model = env.simulator.model
    data = mujoco.MjData(model)
    generator = torch.Generator().manual_seed(0)
    env.reset()
    ended, loaded_feet = 0, 0
    for step in range(300):
        qpos, qvel = (env.simulator.field(name).double().numpy().copy() for name in ("qpos", "qvel"))
        action = torch.rand(num_envs, 8, generator=generator) * 2.4 - 1.2
        obs, reward, terminated, truncated, _ = env.step(action)
        shown = obs["policy"].double().numpy()
        assert np.isfinite(shown).all()
        for i in range(num_envs):
            applied = action[i].double().numpy().clip(-1.0, 1.0)
            mujoco.mj_resetData(model, data)
            data.qpos[:], data.qvel[:], data.ctrl[:] = qpos[i], qvel[i], 15.0 * applied
            before = distance(data.qpos)
            for _ in range(2):
                mujoco.mj_step(model, data)
            expected = observe(model, data, foot_wrenches(model, data), applied)
            near_limit = np.abs(expected[12:20] - 0.99).min() < 1e-4
            assert float(reward[i]) == pytest.approx(
                worth(expected, before, distance(data.qpos)), abs=0.12 if near_limit else 0.02
            ), (step, i)
            assert bool(terminated[i]) == (data.qpos[2] < 0.31)
            loaded_feet += int(np.abs(expected[28:52]).max() > 0.1)
            if terminated[i] or truncated[i]:
                ended += 1
                qpos_now, qvel_now = (env.simulator.field(name)[i].double().numpy() for name in ("qpos", "qvel"))
                data.qpos[:], data.qvel[:] = qpos_now, qvel_now
                assert qpos_now[:7].tolist() == pytest.approx([0.0, 0.0, 0.44, 1.0, 0.0, 0.0, 0.0])
                expected = observe(model, data, np.zeros((4, 6)), np.zeros(8))
            tolerance = np.full(60, 2e-3)
            tolerance[28:52] = 1e-2 + 1e-2 * np.abs(expected[28:52]).max()
            assert (angles_apart(shown[i], expected) < tolerance).all(), (step, i)
    assert ended >= 300 // T * num_envs
    assert loaded_feet > 500
    assert env.episode_metrics()["episodes"] == ended


def test_a_resting_ant_carries_its_weight_on_its_feet() -> None:
    env = igx.make("ant", num_envs=2, device="cpu", seed=1, overrides=["task.terminations.fallen=false"])
    for _ in range(400):
        env.step(torch.zeros(2, 8))
    robot: ArticulationState = env.task.live("robot")
    force = robot.wrench.view(2, 4, 6)[..., :3]
    feet = [robot.body_index(name) for name in robot.wrench_body_names]
    weight = sum(float(env.simulator.model.body_mass[robot.root_id + i]) for i in range(len(robot.body_names))) * 9.81
    carried = rotate(robot.body_quat[:, feet], force).sum(1)
    assert carried[:, 2].tolist() == pytest.approx([weight] * 2, rel=0.02)
    assert carried[:, :2].abs().max() < 0.05 * weight
    assert env.obs["policy"][:, 0].tolist() == pytest.approx([0.36, 0.36], abs=0.03)
    assert robot.joint_vel.abs().max() < 0.05


def test_three_hundred_random_steps_of_many_ants_stay_finite_and_end_and_start_again() -> None:
    env = igx.make("ant", num_envs=64, device="cpu", seed=0)
    generator = torch.Generator().manual_seed(0)
    env.reset()
    for _ in range(300):
        obs, reward, _, _, _ = env.step(torch.rand(64, 8, generator=generator) * 2.0 - 1.0)
        assert obs["policy"].isfinite().all()
        assert reward.isfinite().all()
        assert reward.min() >= -10.0
    metrics = env.episode_metrics()
    assert metrics["unstable"] == 0.0
    assert metrics["episodes"] > 20
    assert metrics["return"] == pytest.approx(sum(v for k, v in metrics.items() if k.startswith("reward/")), abs=4.0)


def _walk(*overrides: str) -> tuple[Tensor, Tensor]:
    """Positions of 64 ants after 60 random steps, and what each was paid."""
    env = igx.make("ant", num_envs=64, device="cpu", seed=3, overrides=overrides)
    env.reset()
    generator = torch.Generator().manual_seed(0)
    paid = torch.zeros(64)
    for _ in range(60):
        paid += env.step(torch.rand(64, 8, generator=generator) * 2.0 - 1.0)[1]
    return env.simulator.field("qpos")[:, :3].clone(), paid


def test_the_shipped_solver_moves_ants_as_a_converged_one_does() -> None:
    shipped, paid = _walk()
    converged, paid_converged = _walk("sim.solver_iterations=100", "sim.ls_iterations=50")
    assert (shipped - converged).norm(dim=-1).median() < 1e-3
    assert float(paid.mean()) == pytest.approx(float(paid_converged.mean()), rel=0.15)
    coarse, _ = _walk("sim.solver_iterations=2", "sim.ls_iterations=4")
    assert (coarse - converged).norm(dim=-1).median() > 0.1, "half of the iterations would not do"


def test_a_short_training_brings_it_farther_than_an_untrained_policy_does(tmp_path: Path) -> None:
    returns = short_training("ant", runs_dir=tmp_path, max_epochs=60, num_envs=128)
    assert returns.trained > 80.0 + returns.untrained  # 164 and 226 more with seeds 1 and 2


def test_a_short_training_with_sac_does_as_well(tmp_path: Path) -> None:
    quick = ["network.units=[128,64]", "sac.updates_per_step=1", "task.episode_steps=300"]
    returns = short_training("ant-sac", runs_dir=tmp_path, max_epochs=120, num_envs=32, overrides=quick)
    assert returns.trained > 1.3 * returns.untrained  # 1.6 and 2.2 times with seeds 1 and 2
