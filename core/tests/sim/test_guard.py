"""Environments that went wrong: flagged, each by itself and without a word on the terminal, and fine after a reset."""

from pathlib import Path

import mujoco
import pytest
import torch
from scenes import World, Yard, alive

from igx import Articulation, GroundPlane, JointEffort
from igx.sim.buffers import probe_buffers
from igx.sim.engine_log import engine_log_off
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage

BROKEN = torch.tensor([False, True, False, True])


def break_down(world: World, field: str, column: int, value: float) -> None:
    state = world.simulator.field(field)
    state[:, column] = torch.where(BROKEN, value, state[:, column])
    world.simulator.commit(BROKEN)


@pytest.mark.parametrize(
    ("field", "column", "value"),
    [
        ("qpos", 2, torch.nan),  # the robot's height
        ("qpos", 8, torch.inf),  # a joint
        ("qpos", 0, 1e7),
        ("qvel", 2, torch.nan),
        ("qvel", 7, -torch.inf),
        ("qvel", 0, 2000.0),
    ],
)
def test_a_bad_state_is_flagged_in_its_own_environments_and_gone_after_a_reset(
    yard: World, field: str, column: int, value: float
) -> None:
    yard.run(1, seed=1)
    assert not yard.simulator.unstable().any()
    break_down(yard, field, column, value)
    yard.simulator.step(Stage.VELOCITY)
    assert torch.equal(yard.simulator.unstable(), BROKEN)
    assert yard.simulator.field("xpos")[~BROKEN].isfinite().all()
    yard.restart(BROKEN)
    assert not yard.simulator.unstable().any()
    yard.run(2, seed=2)
    assert not yard.simulator.unstable().any()
    assert all(yard.simulator.field(name).isfinite().all() for name in ("qpos", "qvel", "xpos", "sensordata"))


@pytest.mark.parametrize("field", ["ctrl", "xfrc_applied"])
def test_controls_and_forces_that_are_no_numbers_are_flagged(yard: World, field: str) -> None:
    value = yard.simulator.field(field)
    value.view(4, -1)[BROKEN, -1] = torch.nan
    yard.simulator.step(Stage.VELOCITY)
    assert torch.equal(yard.simulator.unstable(), BROKEN)
    yard.restart(BROKEN)
    yard.simulator.step(Stage.VELOCITY)
    assert not yard.simulator.unstable().any()


def test_the_speed_limit_is_a_setting() -> None:
    world = alive(robot=Articulation("ant"), settings={"max_speed": 2.0})
    world.simulator.field("qvel")[:, 0] = torch.tensor([0.0, 1.9, 2.1, -2.1])
    world.simulator.commit(world.everywhere)
    assert world.simulator.unstable().tolist() == [False, False, True, True]


def test_the_engine_counts_its_warnings_until_a_reset_even_if_the_state_looks_sane() -> None:
    world = alive(ground=GroundPlane(), robot=Articulation("ant"))
    qpos = world.simulator.field("qpos")
    sane = qpos.clone()
    qpos[1, 2] = torch.nan
    world.simulator.commit(BROKEN)
    world.simulator.step()
    qpos.copy_(sane)
    world.simulator.field("qvel").zero_()
    world.simulator.commit(BROKEN)
    assert world.simulator.unstable().tolist() == [False, True, False, False]


def test_what_diverges_does_not_disturb_its_neighbours() -> None:
    healthy, sick = World(Yard, MujocoCpu), World(Yard, MujocoCpu)
    for world in (healthy, sick):
        world.shake(seed=1)
    break_down(sick, "qvel", 6, torch.nan)
    for world in (healthy, sick):
        world.run(5, seed=2)
    for name in ("qpos", "qvel", "xpos", "sensordata"):
        assert torch.equal(healthy.simulator.field(name)[~BROKEN], sick.simulator.field(name)[~BROKEN])


def test_a_diverged_environment_leaves_no_print_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(Yard, MujocoCpu, threads=2)
    for field, column in (("qpos", 2), ("qvel", 0), ("ctrl", 0)):
        world.simulator.field(field)[BROKEN, column] = torch.nan
        world.simulator.commit(BROKEN)
        world.simulator.step(Stage.VELOCITY)
        assert torch.equal(world.simulator.unstable(), BROKEN)
        world.restart()
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_a_scene_that_explodes_in_the_probe_leaves_no_print_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    robot = Articulation("ant")
    world = alive(robot=robot, effort=JointEffort(robot), settings={"physics_dt": 1.0, "integrator": "euler"})
    world.simulator.model.opt.gravity[2] = -1e9
    probe_buffers(world.simulator.model)
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_mujocos_log_is_on_again_afterwards() -> None:
    before = mujoco.MjLogConfig.get()
    with engine_log_off():
        assert not mujoco.MjLogConfig.get().logto_console
    with pytest.raises(KeyError), engine_log_off():
        raise KeyError
    after = mujoco.MjLogConfig.get()
    assert (after.logto_console, after.logto_file) == (before.logto_console, before.logto_file)
