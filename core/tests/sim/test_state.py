"""Resetting, committing, saving and restoring the state of some environments, and leaving the others alone."""

from pathlib import Path
from typing import Any

import mujoco
import pytest
import torch
from scenes import World, Yard, alive, random_actions
from torch import Tensor

from igx import Articulation
from igx.config.sections import SimConfig
from igx.errors import SimulatorError
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage

MASK = torch.tensor([False, True, True, False])

FINGER = """
<mujoco model="finger">
  <worldbody>
    <body name="base" pos="0 0 1">
      <geom size="0.05"/>
      <body name="tip" pos="0 0 0.1">
        <joint name="bend" axis="0 1 0" damping="0.1"/>
        <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.02" mass="0.2"/>
      </body>
    </body>
  </worldbody>
  <actuator><general name="winch" joint="bend" dyntype="integrator" gainprm="1"/></actuator>
</mujoco>
"""


def engine_state(world: World) -> Tensor:
    """Everything that the C engine knows of each environment, in float64."""
    assert isinstance(world.simulator, MujocoCpu)
    return torch.from_numpy(world.simulator._batch.state.copy())


def copies(world: World) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in world.simulator._fields.items()}


def everything_seen(world: World) -> dict[str, Tensor]:
    return {**copies(world), "wrench": world["robot"].wrench.clone(), "unstable": world.simulator.unstable()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# Resetting.


def test_a_reset_brings_back_the_default_state(yard: World) -> None:
    yard.shake(seed=1)
    yard.run(3, seed=2)
    yard.restart(MASK)
    qpos, default = yard.simulator.field("qpos"), yard.simulator.default_qpos
    assert torch.equal(qpos[MASK], default.expand(2, -1))
    assert not torch.isclose(qpos[~MASK], default).all()
    assert not yard.simulator.field("qvel")[MASK].any()
    assert not yard.simulator.field("ctrl")[MASK].any()


def test_a_reset_touches_the_state_of_no_other_environment(yard: World) -> None:
    yard.shake(seed=1)
    yard.run(3, seed=2)
    before = copies(yard)
    yard.restart(MASK)
    assert all(torch.equal(value[~MASK], before[name][~MASK]) for name, value in copies(yard).items())


def test_a_reset_of_nothing_changes_nothing(yard: World) -> None:
    yard.run(3, seed=2)
    before = everything_seen(yard)
    yard.restart(torch.zeros_like(MASK))
    assert equal(everything_seen(yard), before)


def test_a_reset_takes_away_applied_forces(yard: World) -> None:
    push, box = yard.simulator.field("xfrc_applied"), yard.simulator.model.body("box/body").id
    push[:, box, 0] = 50.0
    yard.run(3, seed=0)
    assert (yard["box"].lin_vel_w[:, 0] > 0.1).all()
    yard.restart(MASK)
    assert not push[MASK].any()
    assert (push[~MASK, box, 0] == 50.0).all()
    yard.run(3, seed=0)
    assert (yard["box"].lin_vel_w[MASK, 0].abs() < 1e-3).all()


def test_the_activation_of_an_actuator_is_state_and_is_reset(tmp_path: Path) -> None:
    (tmp_path / "finger.xml").write_text(FINGER)
    world = alive(finger=Articulation(str(tmp_path / "finger.xml")))
    world.simulator.field("ctrl")[:] = 1.0
    activation = world.simulator.field("act")
    world.simulator.step()
    assert (activation > 0).all()
    world.restart(MASK)
    assert not activation[MASK].any()
    assert (activation[~MASK] > 0).all()
    activation[:] = torch.where(MASK[:, None], 0.25, activation)
    world.settle(MASK)
    world.simulator.field("ctrl")[:] = 0.0
    world.simulator.step()
    assert (activation[MASK] == 0.25).all()


def test_mocap_bodies_go_back_to_where_the_model_has_them() -> None:
    spec = mujoco.MjSpec()
    pointer = spec.worldbody.add_body(name="pointer", pos=[0.0, 0.0, 1.0], mocap=True)
    pointer.add_geom(size=[0.1, 0.0, 0.0])
    simulator = MujocoCpu(spec.compile(), SimConfig(num_envs=4, device="cpu"))
    where = simulator.field("mocap_pos")
    where[:, 0] = torch.tensor([2.0, 3.0, 4.0])
    simulator.step(Stage.POSITION)
    assert (simulator.field("xpos")[:, 1] == torch.tensor([2.0, 3.0, 4.0])).all()
    simulator.reset(MASK)
    simulator.commit(MASK)
    simulator.derive(Stage.POSITION, MASK)
    assert torch.equal(simulator.field("xpos")[:, 1, 2], torch.tensor([4.0, 1.0, 1.0, 4.0]))


# Committing.


def test_a_commit_leaves_the_other_environments_bit_for_bit() -> None:
    world = World(Yard, MujocoCpu)
    world.shake(seed=1)
    world.run(5, seed=2)
    before = engine_state(world)
    world.simulator.field("qpos").add_(0.01)
    world.simulator.field("qvel").add_(0.01)
    world.simulator.commit(MASK)
    after = engine_state(world)
    assert torch.equal(after[~MASK], before[~MASK])
    assert (after[MASK] != before[MASK]).any(dim=1).all()


def test_environments_that_are_not_reset_go_on_as_if_nobody_had_been() -> None:
    alone, disturbed = World(Yard, MujocoCpu), World(Yard, MujocoCpu)
    for world in (alone, disturbed):
        world.shake(seed=1)
    for step in range(6):
        actions = random_actions(alone, torch.Generator().manual_seed(step))
        for world in (alone, disturbed):
            world.act(actions)
            world.simulator.step(Stage.VELOCITY)
        disturbed.restart(MASK)
    assert torch.equal(engine_state(alone)[~MASK], engine_state(disturbed)[~MASK])


def test_any_number_of_threads_gives_the_same_bits() -> None:
    worlds = [World(Yard, MujocoCpu, num_envs=7, threads=threads) for threads in (1, 2)]
    for world in worlds:
        world.shake(seed=1)
        world.run(10, seed=2)
        world.restart(torch.arange(7) % 3 == 0)
        world.run(10, seed=3)
    assert torch.equal(engine_state(worlds[0]), engine_state(worlds[1]))
    assert equal(everything_seen(worlds[0]), everything_seen(worlds[1]))


# Saving and restoring.


def test_a_restored_simulation_looks_the_same_and_goes_on_with_the_same_bits(yard: World) -> None:
    yard.shake(seed=1)
    yard.run(4, seed=2)
    yard.restart(MASK)
    saved, seen = yard.simulator.state_dict(), everything_seen(yard)
    yard.run(4, seed=3)
    expected = everything_seen(yard)
    yard.shake(seed=9)
    yard.run(2, seed=8)
    yard.simulator.load_state_dict(saved)
    assert equal(everything_seen(yard), seen)
    yard.run(4, seed=3)
    assert equal(everything_seen(yard), expected)


def test_a_saved_simulation_continues_in_another_process_as_well(tmp_path: Path) -> None:
    first, second = World(Yard, MujocoCpu), World(Yard, MujocoCpu, threads=1)
    first.shake(seed=1)
    first.run(4, seed=2)
    torch.save(first.simulator.state_dict(), tmp_path / "state.pt")
    second.simulator.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for world in (first, second):
        world.run(4, seed=3)
    assert torch.equal(engine_state(first), engine_state(second))
    assert equal(everything_seen(first), everything_seen(second))


def test_varied_model_values_are_saved_and_restored(varied_yard: World) -> None:
    simulator = varied_yard.simulator
    mass, gravity = simulator.model_field("body_mass"), simulator.model_field("opt.gravity")
    mass.mul_(torch.tensor([[1.0], [1.1], [1.3], [0.8]]))
    gravity[:, 2] += torch.tensor([0.0, 1.0, 2.0, 3.0])
    simulator.commit_model()
    varied_yard.restart()
    varied_yard.shake(seed=1)
    varied_yard.run(2, seed=2)
    saved, masses = simulator.state_dict(), mass.clone()
    varied_yard.run(3, seed=3)
    expected = everything_seen(varied_yard)
    mass.fill_(1.0)
    gravity.zero_()
    simulator.commit_model()
    varied_yard.run(2, seed=4)
    simulator.load_state_dict(saved)
    assert torch.equal(mass, masses)
    varied_yard.run(3, seed=3)
    assert equal(everything_seen(varied_yard), expected)


def test_the_state_of_another_simulation_is_refused(yard: World) -> None:
    before = everything_seen(yard)
    few, other = World(Yard, MujocoCpu, num_envs=3), alive(robot=Articulation("ant"))
    varied = World(Yard, MujocoCpu, varied=("body_mass",))
    for stranger in (few, other, varied):
        with pytest.raises(SimulatorError, match="it belongs to another scene, to another engine than"):
            yard.simulator.load_state_dict(stranger.simulator.state_dict())
    assert equal(everything_seen(yard), before)


def test_what_is_saved_is_a_copy(yard: World) -> None:
    saved = yard.simulator.state_dict()
    before = _tensors(saved)
    yard.shake(seed=1)
    yard.run(2, seed=2)
    assert equal(_tensors(saved), before)


def _tensors(state: dict[str, Any], prefix: str = "") -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        found |= _tensors(value, f"{prefix}{name}/") if isinstance(value, dict) else {f"{prefix}{name}": value.clone()}
    return found


# Fields.


def test_a_field_that_is_not_offered_is_refused_with_the_nearest_name(yard: World) -> None:
    with pytest.raises(SimulatorError, match=r"'qpo'. Did you mean 'qpos'\?"):
        yard.simulator.field("qpo")


def test_a_scene_without_sensors_tendons_and_actuators_has_empty_fields() -> None:
    world = alive(robot=Articulation("cartpole"))
    for name in ("sensordata", "act", "ctrl", "mocap_pos", "ten_length", "actuator_force"):
        assert world.simulator.field(name).shape[:2] == (4, 0)
    world.simulator.step(Stage.VELOCITY)
    world.restart(MASK)


def test_durations_come_from_the_settings() -> None:
    world = alive(robot=Articulation("cartpole"), settings={"physics_dt": 0.004, "decimation": 5})
    assert world.simulator.physics_dt == 0.004
    assert world.simulator.step_dt == pytest.approx(0.02)
