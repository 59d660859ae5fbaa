"""From declarations to a compiled model."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from scenes import alive, declared_in, scene_of

from igx import Articulation, GroundPlane, RigidBody
from igx.config.sections import SimConfig
from igx.errors import ModelError
from igx.sim.scene import build_scene

STUBBORN = """
<mujoco model="stubborn">
  <option timestep="0.01" gravity="0 0 -3" cone="elliptic" impratio="10" density="1000" integrator="RK4" iterations="7">
    <flag contact="disable"/>
  </option>
  <size memory="1M"/>
  <worldbody><body name="ball"><freejoint/><geom size="0.1"/></body></worldbody>
</mujoco>
"""


def test_the_settings_are_the_models_options() -> None:
    sim = SimConfig(
        physics_dt=0.004,
        gravity=(0.0, 0.1, -3.7),
        integrator="rk4",
        solver="cg",
        solver_iterations=11,
        ls_iterations=13,
        cone="elliptic",
    )
    option = build_scene(declared_in(scene_of(robot=Articulation("ant"))), sim=sim).opt
    assert option.timestep == 0.004
    assert option.gravity.tolist() == [0.0, 0.1, -3.7]
    assert option.integrator == mujoco.mjtIntegrator.mjINT_RK4
    assert option.solver == mujoco.mjtSolver.mjSOL_CG
    assert (option.iterations, option.ls_iterations) == (11, 13)
    assert option.cone == mujoco.mjtCone.mjCONE_ELLIPTIC


def test_what_a_model_file_says_of_the_physics_gives_way_without_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stubborn.xml").write_text(STUBBORN)
    world = alive(
        ground=GroundPlane(),
        one=RigidBody(str(tmp_path / "stubborn.xml"), spawn_pos=(0.0, 0.0, 0.2)),
        two=Articulation(str(tmp_path / "stubborn.xml"), spawn_pos=(1.0, 0.0, 0.2)),
        settings={"physics_dt": 0.002},
    )
    option = world.simulator.model.opt
    assert option.timestep == 0.002
    assert option.gravity.tolist() == [0.0, 0.0, -9.81]
    assert (option.impratio, option.density) == (1.0, 0.0)
    assert option.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    assert option.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for _ in range(250):
        world.simulator.step()
    assert np.allclose(world["one"].pos[:, 2], 0.1, atol=5e-3)
    assert capfd.readouterr() == ("", "")


def test_what_mujoco_refuses_is_a_model_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"MuJoCo can't compile the scene: .*size") as refusal:
        alive(box=RigidBody(shape="box", size=(0.1,)))
    assert "\n" not in str(refusal.value)
    (tmp_path / "massless.xml").write_text(
        '<mujoco><worldbody><body name="a"><joint type="hinge"/></body></worldbody></mujoco>'
    )
    with pytest.raises(ModelError, match=r"MuJoCo can't compile the scene: .*mass"):
        alive(robot=Articulation(str(tmp_path / "massless.xml")))


def test_the_simulator_keeps_the_compiled_model_as_it_is() -> None:
    sim = SimConfig(num_envs=1, device="cpu")
    world = alive(robot=Articulation("ant"))
    fresh = build_scene(declared_in(scene_of(robot=Articulation("ant"))), sim=sim)
    assert world.simulator.model.opt.disableflags == (
        fresh.opt.disableflags | int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    )
    assert np.array_equal(world.simulator.model.body_mass, fresh.body_mass)
