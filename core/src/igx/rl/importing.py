"""Checkpoints from elsewhere: held against a task's networks, and made a run of our own."""

from collections.abc import Callable
from pathlib import Path

from igx.config.compose import Composed
from igx.env import VecEnv, make_env
from igx.errors import CheckpointError
from igx.plugins import Plugins
from igx.rl import checkpoints
from igx.rl.origin import KEY, with_origin
from igx.rl.policy import load_policy
from igx.rl.run_folder import RunFolder

_OF_TRAINING = ("optimizer", "assymetric_vf_optimizer", "scaler", "env_state")  # of other environments: of no use here


def import_checkpoint(
    path: Path, composed: Composed, *, plugins: Plugins, make_env: Callable[..., VecEnv] = make_env
) -> RunFolder:
    """Make a run of a checkpoint that rl_games wrote.

    Args:
        path: the file; no code in it is run.
        composed: the settings of the run; its networks must be those of the file.
        plugins: where task, agent and network come from.
        make_env: makes the environments.

    Returns:
        A new run folder; `nn/best.pth` in it holds the policy.

    Raises:
        CheckpointError: the file is unsafe, no checkpoint, one of igx's own, or of other networks; the message says
            what differs.
        RunError: the folder is already there, or can't be written.
    """
    state = checkpoints.load(path)
    if KEY in state:
        raise CheckpointError(f"{path} was written by igx and needs no import; play it: igx play {path}.")
    config = composed.config
    one = config.sim.model_copy(update={"simulator": "static", "device": "cpu", "num_envs": 1})
    env = make_env(config.model_copy(update={"sim": one}), plugins=plugins)
    load_policy(path, config.model_copy(update={"sim": one}), env, plugins=plugins)
    folder = RunFolder.create(config)
    kept = {name: value for name, value in state.items() if name not in _OF_TRAINING}
    checkpoints.save(folder.best, with_origin(kept, config, env))
    env.close()
    return folder
