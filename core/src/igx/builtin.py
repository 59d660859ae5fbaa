"""igx's own tasks, terms, simulators, agents, commands and so on, offered through the hooks that every plugin uses."""

from collections.abc import Iterator

from igx.plugins import (
    AgentSpec,
    CheckSpec,
    CommandSpec,
    SimulatorSpec,
    TaskSpec,
    TermSpec,
    TrackerSpec,
    hookimpl,
)

IGX_API = 1

_EVENTS = ("start", "reset", "interval")
_TERMS: dict[str | tuple[str, ...], dict[str, str]] = {
    "reward": {
        "alive": "1 in every step.",
        "action_l2": "Sum of squared actions.",
        "action_rate_l2": "Sum of squared differences from the actions before.",
        "action_power": "Sum of action times joint velocity, each as an absolute value.",
        "joints_at_limit": "How many joints are close to their upper limit.",
    },
    "observation": {
        "root_height": "Height of the root [m].",
        "root_quat": "Orientation of the root (w, x, y, z).",
        "root_lin_vel_b": "Velocity of the root in its own frame [m/s].",
        "root_ang_vel_b": "Angular velocity of the root in its own frame [rad/s].",
        "root_lin_vel_w": "Velocity of the root in the world [m/s].",
        "root_ang_vel_w": "Angular velocity of the root in the world [rad/s].",
        "root_upright": "Cosine of the root's tilt from upright.",
        "root_yaw_roll": "Yaw, then roll of the root [rad].",
        "projected_gravity": "Direction of gravity in the root's frame.",
        "joint_pos": "Joint positions less their defaults [rad or m].",
        "joint_pos_scaled": "Joint positions with their limits at -1 and 1.",
        "joint_vel": "Joint velocities [rad/s or m/s].",
        "joint_effort": "What the actuators exerted on each joint [N m or N].",
        "wrench": "Contact force [N] and torque [N m] on each wrench body, in its frame.",
        "last_action": "The actions just applied.",
        "height_scan": "How far the ground lies below the root, at points around it [m].",
        "root_height_above_ground": "Height of the root above rough ground [m].",
        "terrain_level": "Level of the environment's ground.",
    },
    "termination": {
        "root_below": "The root is lower than a given height.",
        "root_near_ground": "The root is less than a given height above rough ground.",
        "off_terrain": "The root is beyond the terrain's cells.",
    },
    "reset": {
        "start_on_terrain": "Put the root above the middle of the environment's cell, a little aside.",
    },
    "curriculum": {
        "climb_by_distance": "Move environments to harder or easier ground by how far the robot came.",
    },
    "command": {
        "velocity_command": "Velocities to move at, and a turn.",
    },
    _EVENTS: {
        "friction": "Draw the friction between a robot and the ground.",
        "mass": "Multiply mass and inertia of bodies.",
        "center_of_mass": "Move the centre of mass of bodies.",
        "joint_damping": "Multiply the viscous damping of joints.",
        "joint_friction": "Multiply the dry friction of joints.",
        "joint_armature": "Multiply the rotor inertia of joints.",
        "gains": "Multiply stiffness and damping of a position or velocity control.",
        "gravity": "Add to gravity.",
        "push": "Shove a free root.",
    },
}
"""Kind → name → summary of the terms in `igx.terms`, where each is a function of that name."""


@hookimpl
def igx_tasks() -> Iterator[TaskSpec]:
    """Offer the classics that make igx useful alone."""
    yield TaskSpec(
        name="cartpole",
        target="igx.tasks.cartpole:Cartpole",
        summary="Balance a pole on a cart that can only be pushed.",
    )
    yield TaskSpec(
        name="ball-balance",
        target="igx.tasks.ball_balance:BallBalance",
        summary="Catch a ball on a tray that stands on three legs, and hold it above the middle.",
    )


@hookimpl
def igx_terms() -> Iterator[TermSpec]:
    """Offer the terms that every task may use."""
    for kind, terms in _TERMS.items():
        for name, summary in terms.items():
            yield TermSpec(name=name, target=f"igx.terms:{name}", summary=summary, kind=kind)


@hookimpl
def igx_agents() -> Iterator[AgentSpec]:
    """Offer SAC, and PPO, ours and rl_games' own; those two share their settings."""
    settings = "igx.rl.ppo_config:PpoConfig"
    yield AgentSpec(
        name="ppo",
        target="igx.rl.agents:PpoAgent",
        summary="PPO of rl_games with igx's corrections.",
        section="ppo",
        config=settings,
    )
    yield AgentSpec(
        name="rl-games-ppo",
        target="igx.rl.agents:StockPpoAgent",
        summary="PPO as rl_games ships it.",
        section="ppo",
        config=settings,
    )
    yield AgentSpec(
        name="sac",
        target="igx.rl.agents:SacAgent",
        summary="Soft actor-critic of rl_games with igx's corrections.",
        section="sac",
        config="igx.rl.sac_config:SacConfig",
    )


@hookimpl
def igx_simulators() -> Iterator[SimulatorSpec]:
    """Offer MuJoCo's two engines, and none at all."""
    yield SimulatorSpec(
        name="mujoco-cpu",
        target="igx.sim.mujoco_cpu:MujocoCpu",
        summary="MuJoCo's C engine on all cores.",
        devices=("cpu",),
        repeats_within=0.0,
    )
    yield SimulatorSpec(
        name="mujoco-gpu",
        target="igx.sim.mujoco_gpu:MujocoGpu",
        summary="MuJoCo Warp, zero-copy, for CUDA.",
        devices=("cuda", "cpu"),
        repeats_within=0.1,  # over 60 epochs and more: see docs/reproducibility.md
    )
    yield SimulatorSpec(
        name="static",
        target="igx.sim.static:StaticSimulator",
        summary="No physics: the state stays as it is written. For tests and for `igx show`.",
    )


@hookimpl
def igx_trackers() -> Iterator[TrackerSpec]:
    """Offer the usual ones; every run writes metrics.jsonl besides."""
    yield TrackerSpec(
        name="tensorboard",
        target="igx.rl.trackers:TensorBoardTracker",
        summary="Scalars for TensorBoard in the run's summaries/.",
    )
    yield TrackerSpec(
        name="csv",
        target="igx.rl.tracker_csv:CsvTracker",
        summary="One line an epoch in the run's metrics.csv.",
    )
    yield TrackerSpec(
        name="wandb",
        target="igx.rl.tracker_process:WandbTracker",
        summary="Weights & Biases, offline without an account.",
    )
    yield TrackerSpec(
        name="mlflow",
        target="igx.rl.tracker_process:MlflowTracker",
        summary="MLflow, on a server or in mlflow/ beside the runs.",
    )


@hookimpl
def igx_commands() -> Iterator[CommandSpec]:
    """Offer the commands of the `igx` program, one file each in `igx.cli`."""
    summaries = {
        "train": "Train a policy for a task.",
        "resume": "Go on with a run, or train it for longer.",
        "play": "Run a trained policy and report its returns.",
        "video": "Film a trained policy.",
        "eval": "Measure trained policies over many episodes, and find the best one.",
        "import-checkpoint": "Make a run of a checkpoint that rl_games wrote.",
        "export": "Write a trained policy as a file that runs without igx.",
        "sim2sim": "Play a trained policy on another simulator and report the gap.",
        "runs": "List runs with their results, or show what differs between two.",
        "reproduce": "Train a run again from what it stored, and compare the curves.",
        "list-tasks": "List the tasks of all installed plugins.",
        "show": "Show a task's terms, spaces and settings.",
        "bench": "Measure how fast a task runs and trains.",
        "warmup": "Compile ahead what the first training would wait for.",
        "check": "Verify that a task keeps the rules of a fast, repeatable step.",
        "plugins": "List the installed plugins and what became of them.",
        "doctor": "Look for what is missing or broken on this machine.",
    }
    for name, summary in summaries.items():
        yield CommandSpec(name=name, target=f"igx.cli.{name.replace('-', '_')}:command", summary=summary)


@hookimpl
def igx_checks() -> Iterator[CheckSpec]:
    """Offer the checks of `igx doctor`, in `igx.cli.checks`."""
    summaries = {
        "python": "Python is new enough.",
        "torch": "PyTorch works, and sees the GPU.",
        "compiler": "Torch can compile.",
        "mujoco": "MuJoCo and its batched stepping are there.",
        "warp": "MuJoCo Warp is there if there is a GPU.",
        "rl-games": "rl_games is there.",
        "plugins": "Every installed plugin loads.",
        "memory": "Enough memory is free.",
        "rendering": "Pictures can be drawn without a display.",
        "video": "Videos can be written.",
    }
    for name, summary in summaries.items():
        yield CheckSpec(name=name, target=f"igx.cli.checks:{name.replace('-', '_')}", summary=summary)
