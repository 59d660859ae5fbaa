"""How closely a policy moves as a motion does: the error of its pose, its tempo and its speed.

The policy is free to be early or late, so its steps are first aligned with times of the motion: at each step the motion
goes on by none to twice the duration of a step, and from its end to its beginning, in the way that makes the error
least (dynamic time warping). The error is that of Peng et al., "AMP: Adversarial Motion Priors for Stylized
Physics-Based Character Control" (2021): the mean distance of the bodies from where the motion has them, both as seen
from the root; here turned back by its heading, since a motion knows no direction.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from igx.env.vec_env import VecEnv
from igx.rl.playing import threads_for
from igx.rl.policy import Policy
from igx.sim.entities import ArticulationState
from igx_algo_amp.features import seen_from_root
from igx_algo_amp.humanoid import BODY_NAMES
from igx_algo_amp.humanoid_amp import HumanoidAmp
from igx_algo_amp.motion_library import MotionLibrary, Skeleton
from igx_algo_amp.motion_sets import read_motions
from igx_algo_amp.motions import MotionError

_FINENESS = 4  # times of the motion per step of the policy


@dataclass(frozen=True, kw_only=True)
class Imitation:
    """How closely episodes follow a motion; each number has one entry per episode.

    Attributes:
        motion: which one: of several, that which the episodes follow most closely on average.
        steps: how many of their steps were held against it.
        pose_error: mean distance of the bodies from where the motion has them [m].
        speed: mean horizontal speed of the root [m/s].
        tempo: how much of the motion goes by in its own time; 1 is as fast as recorded.
        motion_speed: mean horizontal speed of the root in the motion [m/s].
    """

    motion: str
    steps: Tensor
    pose_error: Tensor
    speed: Tensor
    tempo: Tensor
    motion_speed: float


@dataclass(frozen=True, kw_only=True)
class _Played:
    """What the first episodes of all environments looked like.

    Attributes:
        poses: bodies as seen from the root, shape `[steps, num_envs, bodies, 3]`.
        speed: of the root over ground [m/s], shape `[steps, num_envs]`.
        running: whether the episode had not ended, bool `[steps, num_envs]`.
    """

    poses: Tensor
    speed: Tensor
    running: Tensor


def imitate(env: VecEnv, policy: Policy, motion: str | None = None) -> Imitation:
    """Play an episode of `humanoid-amp` in each environment, and hold it against motions of the humanoid.

    Args:
        env: the environments.
        policy: acts in them.
        motion: as `task.motion` has it, which is the default.

    Raises:
        MotionError: the task is another one, or a motion is missing or of other bodies.
    """
    if not isinstance(env.task, HumanoidAmp):
        raise MotionError(f"Motions are held against policies of humanoid-amp, not of {type(env.task).__name__}.")
    motions, _ = read_motions(motion or env.task.config.motion)
    skeleton = Skeleton.of_model(env.simulator.model, prefix="robot/")
    libraries = [
        MotionLibrary([motion], skeleton=skeleton, key_bodies=BODY_NAMES[1:], device=env.device) for motion in motions
    ]
    played = _play(env, env.task.robot, policy)
    found = [_compare(played, library, step=env.step_dt) for library in libraries]
    return min(found, key=lambda imitation: float(imitation.pose_error.mean()))


def _play(env: VecEnv, robot: ArticulationState, policy: Policy) -> _Played:
    obs = env.reset()
    policy.restart()
    is_running = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
    poses: list[Tensor] = []
    speeds: list[Tensor] = []
    running: list[Tensor] = []
    with threads_for(env):
        while is_running.any():
            obs, _, terminated, truncated, _ = env.step(policy(obs))
            is_running &= ~(terminated | truncated)
            poses.append(seen_from_root(robot.body_pos[:, 1:], robot.root_pos, robot.root_quat))
            speeds.append(robot.root_lin_vel_w[:, :2].norm(dim=-1))
            running.append(is_running.clone())
    return _Played(poses=torch.stack(poses), speed=torch.stack(speeds), running=torch.stack(running))


def _compare(played: _Played, library: MotionLibrary, *, step: float) -> Imitation:
    duration = float(library.durations[0])
    count = max(1, round(duration / step * _FINENESS))
    times = torch.arange(count, device=library.durations.device) * (duration / count)
    recorded = library.state(torch.zeros(count, dtype=torch.long, device=times.device), times)
    poses = seen_from_root(recorded.key_pos, recorded.root_pos, recorded.root_quat)
    errors = torch.stack([(pose[:, None] - poses).norm(dim=-1).mean(-1) for pose in played.poses])
    total, passed = align(errors, played.running, most=2 * _FINENESS)
    steps = played.running.sum(0)
    counted = steps.clamp(min=1)
    return Imitation(
        motion=library.names[0],
        steps=steps.float(),
        pose_error=total / counted,
        speed=(played.speed * played.running).sum(0) / counted,
        tempo=passed * (duration / count) / ((counted - 1).clamp(min=1) * step),
        motion_speed=float(recorded.root_lin_vel_w[:, :2].norm(dim=-1).mean()),
    )


def align(errors: Tensor, running: Tensor, *, most: int) -> tuple[Tensor, Tensor]:
    """The way through a motion, round and round from any time of it, along which the sum of errors is least.

    Args:
        errors: of each step against each time of the motion, shape `[steps, n, times]`.
        running: which steps count, bool `[steps, n]`: a beginning of all steps.
        most: times by which the motion may go on from one step to the next; at least none.

    Returns:
        The sum, shape `[n]`, and by how many times the motion went on altogether, `[n]`.
    """
    total = torch.where(running[0][:, None], errors[0], 0.0)
    passed = torch.zeros_like(total)
    for error, runs in zip(errors[1:], running[1:], strict=True):
        # before[..., k] is what led here while the motion went on by k
        before = torch.stack([total.roll(by, dims=-1) for by in range(most + 1)], dim=-1)
        least, by = before.min(-1)
        led = torch.stack([passed.roll(by, dims=-1) + by for by in range(most + 1)], dim=-1)
        led = led.gather(-1, by[..., None])[..., 0]
        total = torch.where(runs[:, None], least + error, total)
        passed = torch.where(runs[:, None], led, passed)
    end = total.argmin(-1, keepdim=True)
    return total.gather(-1, end)[..., 0], passed.gather(-1, end)[..., 0]
