"""From a task's declarations to one compiled model: all that stands in an environment, its physics and its looks."""

from collections.abc import Iterable
from typing import Any

import mujoco

from igx.config.sections import SimConfig
from igx.errors import ModelError
from igx.sim.declared import Declared

_INTEGRATORS = {
    "euler": mujoco.mjtIntegrator.mjINT_EULER,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "rk4": mujoco.mjtIntegrator.mjINT_RK4,
}
_SOLVERS = {"newton": mujoco.mjtSolver.mjSOL_NEWTON, "cg": mujoco.mjtSolver.mjSOL_CG}
_CONES = {"pyramidal": mujoco.mjtCone.mjCONE_PYRAMIDAL, "elliptic": mujoco.mjtCone.mjCONE_ELLIPTIC}


def build_scene(declared: Iterable[Declared[Any]], *, sim: SimConfig) -> mujoco.MjModel:
    """Compile what `declared` puts into one environment, with the physics settings of `sim`.

    Raises:
        ModelError: if a model is missing or MuJoCo refuses the scene.
    """
    spec = mujoco.MjSpec()
    _decorate(spec)
    _set_physics(spec, sim)
    try:
        for part in declared:
            part.add_to(spec)
        _light(spec)
        return spec.compile()
    except ValueError as error:
        raise ModelError(f"MuJoCo can't compile the scene: {' '.join(str(error).split())}") from error


def _set_physics(spec: mujoco.MjSpec, sim: SimConfig) -> None:
    option = spec.option
    option.timestep = sim.physics_dt
    option.gravity[:] = sim.gravity
    option.integrator = _INTEGRATORS[sim.integrator]
    option.solver = _SOLVERS[sim.solver]
    option.cone = _CONES[sim.cone]
    option.iterations = sim.solver_iterations
    option.ls_iterations = sim.ls_iterations


def _decorate(spec: mujoco.MjSpec) -> None:
    """A sky and a chequered ground for pictures; physics does not see them."""
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.55, 0.7, 0.85],
        rgb2=[0.92, 0.95, 0.98],
        width=256,
        height=256,
    )
    spec.add_texture(
        name="ground",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.33, 0.38, 0.42],
        rgb2=[0.4, 0.45, 0.5],
        width=256,
        height=256,
    )
    ground = spec.add_material(name="ground", texrepeat=[1.0, 1.0], texuniform=True)
    ground.textures[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = "ground"
    spec.visual.headlight.ambient[:] = 0.35
    spec.visual.map.shadowclip, spec.visual.quality.shadowsize = 10.0, 8192  # sharp, and free of noise at its edges
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080


def _light(spec: mujoco.MjSpec) -> None:
    """A light that stays above the scene's first body, so that its shadow is drawn wherever it goes."""
    bodies = spec.worldbody.bodies
    (bodies[0] if bodies else spec.worldbody).add_light(
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0.0, 0.0, 3.0],
        dir=[0.2, 0.3, -1.0],
        diffuse=[0.8, 0.8, 0.8],
    )
