"""What igx-tasks-locomotion adds to igx. Imports nothing heavy: this file is read by every igx command."""

from collections.abc import Iterator

from igx.plugins import TaskSpec, hookimpl

IGX_API = 1  # the plugin interface this was written for


@hookimpl
def igx_tasks() -> Iterator[TaskSpec]:
    """Offer the walking, running and flying tasks."""
    yield TaskSpec(
        name="ant",
        target="igx_tasks_locomotion.ant:Ant",
        summary="A four-legged robot runs towards a far target without falling over.",
    )
    yield TaskSpec(
        name="ant-sac",
        target="igx_tasks_locomotion.ant:Ant",
        summary="The same, trained by SAC.",
        agent="sac",
    )
    yield TaskSpec(
        name="humanoid",
        target="igx_tasks_locomotion.humanoid:Humanoid",
        summary="A humanoid runs towards a far target without falling over.",
    )
    yield TaskSpec(
        name="humanoid-sac",
        target="igx_tasks_locomotion.humanoid:Humanoid",
        summary="The same, trained by SAC.",
        preset=("ant_sac", "humanoid_sac"),
        agent="sac",
    )
    yield TaskSpec(
        name="quadcopter",
        target="igx_tasks_locomotion.quadcopter:Quadcopter",
        summary="A quadcopter with tilting rotors flies to a point and hovers there.",
    )
    yield TaskSpec(
        name="ingenuity",
        target="igx_tasks_locomotion.ingenuity:Ingenuity",
        summary="A Mars helicopter flies from point to point.",
    )
    yield TaskSpec(
        name="anymal",
        target="igx_tasks_locomotion.anymal:Anymal",
        summary="ANYmal C walks over level ground at a commanded velocity.",
    )
    yield TaskSpec(
        name="anymal-terrain",
        target="igx_tasks_locomotion.anymal_terrain:AnymalTerrain",
        summary="ANYmal C walks at a commanded velocity over slopes, stairs and blocks that get harder.",
    )
    for robot, name in (("anymal", "ANYmal C"), ("go2", "Unitree Go2"), ("g1", "Unitree G1")):
        for kind, where in (("flat", "level ground"), ("rough", "slopes, stairs and blocks that get harder")):
            yield TaskSpec(
                name=f"velocity-{kind}-{robot}",
                target="igx_tasks_locomotion.velocity:Velocity",
                summary=f"{name} walks at a commanded velocity over {where}.",
                preset=("velocity", f"velocity_{robot}", f"velocity_{kind}"),
            )
