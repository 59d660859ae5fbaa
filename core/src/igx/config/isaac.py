"""Understands the command line of IsaacGymEnvs, `task=Ant num_envs=4096 max_iterations=500`, in igx's terms."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from igx.config.overrides import Assignment, parse_override
from igx.config.sections import DEFAULT_TRACKERS
from igx.config.yaml_text import parse_value
from igx.errors import ConfigError

_CONFIG = "train.params.config."
_NETWORK = "train.params.network."

_SETTINGS = {
    "num_envs": "sim.num_envs",
    "task.env.numEnvs": "sim.num_envs",
    "task.env.episodeLength": "task.episode_steps",
    "max_iterations": "run.max_epochs",
    "seed": "run.seed",
    "num_threads": "sim.threads",
    "sim_device": "sim.device",
    "experiment": "run.name",
    "full_experiment_name": "run.name",
    "checkpoint": "run.checkpoint",
    "wandb_project": "run.project",
    "wandb_group": "run.group",
    "wandb_tags": "run.tags",
    "capture_video": "run.capture_video",
    "capture_video_freq": "run.video_every_steps",
    "capture_video_len": "run.video_steps",
    "train.params.seed": "run.seed",
    f"{_CONFIG}name": "run.name",
    f"{_CONFIG}full_experiment_name": "run.name",
    f"{_CONFIG}train_dir": "run.runs_dir",
    f"{_CONFIG}num_actors": "sim.num_envs",
    f"{_CONFIG}device": "sim.device",
    f"{_CONFIG}max_epochs": "run.max_epochs",
    f"{_CONFIG}max_frames": "run.max_frames",
    f"{_CONFIG}score_to_win": "run.score_to_win",
    f"{_CONFIG}games_to_track": "run.games_to_track",
    f"{_CONFIG}save_frequency": "run.save_every",
    f"{_CONFIG}save_best_after": "run.save_best_after",
    f"{_CONFIG}reward_shaper.scale_value": "ppo.reward_scale",
    f"{_CONFIG}reward_shaper.shift_value": "ppo.reward_shift",
    f"{_CONFIG}reward_shaper.log_val": "ppo.reward_log",
    f"{_NETWORK}mlp.units": "network.units",
    f"{_NETWORK}mlp.activation": "network.activation",
    f"{_NETWORK}mlp.d2rl": "network.d2rl",
    f"{_NETWORK}space.continuous.fixed_sigma": "network.fixed_sigma",
    f"{_NETWORK}space.continuous.sigma_init.val": "network.log_std_init",
    f"{_NETWORK}space.continuous.mu_activation": "network.mu_activation",
    f"{_NETWORK}space.continuous.sigma_activation": "network.sigma_activation",
}
"""What a name of IsaacGymEnvs is called here."""

_FAMILIES = {
    f"{_CONFIG}central_value_config.network.mlp.": "ppo.central_value.network.",
    _CONFIG: "ppo.",
    _NETWORK: "network.",
}
"""The same for whole families of names: rl_games' own are aliases here."""

_TEXT = {"run.name", "run.checkpoint", "run.runs_dir", "run.project", "run.group"}
_MAY_BE_UNLIMITED = {"run.max_epochs", "run.max_frames"}

_NO_VIEWER = "there is no viewer yet, so it runs headless"
_NOT_PHYSX = "the engine is MuJoCo, which has no such choice"

_NO_EFFECT = {
    "headless=false": _NO_VIEWER,
    "force_render=true": _NO_VIEWER,
    "wandb_name": "W&B calls a run as its folder is called, which experiment=NAME chooses",
    "wandb_entity": "set WANDB_ENTITY",
    "wandb_logcode_dir": "no code is uploaded; W&B is told the git commit",
    "torch_deterministic=true": "deterministic kernels can't be asked for yet",
    "sigma": "the deviation in a checkpoint can't be replaced yet",
    "physics_engine=flex": _NOT_PHYSX,
    "solver_type": _NOT_PHYSX,
    "num_subscenes": _NOT_PHYSX,
}
"""Names, or names with a value, that ask for something igx lacks and can do without: a word, and on."""

_REFUSED = {
    "test=true": "playing a policy is a command of its own, `igx play RUN_OR_CHECKPOINT`",
    "multi_gpu=true": "igx trains on one GPU so far",
}
"""The same where going on would do something else than what was asked for."""

_NOTHING_ASKED = re.compile(
    r"headless|force_render|wandb_\w+|torch_deterministic|physics_engine|pipeline"
    r"|graphics_device_id|task_name|test|multi_gpu"
)
"""Names that with any other value ask for nothing that igx lacks."""

_FOREIGN = ("train.", "task.env.", "task.sim.", "task.task.", "pbt.", "hydra.")


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What one argument means here: the setting that it stands for, and a word on what igx lacks."""

    setting: Assignment | None = None
    note: str = ""


def translate(arguments: Sequence[str]) -> list[Translation]:
    """Read each of the bare `key=value` arguments of a command line; igx's own settings stay what they are.

    Raises:
        ConfigError: an argument is no setting, or asks for something that igx lacks and can't do without.
    """
    given = {_split(argument)[0]: _split(argument)[1] for argument in arguments}
    return [_translate(argument, given) for argument in arguments]


def _split(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition("=")
    return key.strip().lstrip("+"), value.strip()


def _translate(argument: str, given: Mapping[str, str]) -> Translation:
    key, value = _split(argument)
    if key in _TRANSLATORS and not value.startswith("{"):
        return _TRANSLATORS[key](argument, value, given) if value else Translation()
    asked = f"{key}={value.lower()}"
    if asked in _REFUSED:
        raise ConfigError(f"{argument} can't be had: {_REFUSED[asked]}.")
    note = _NO_EFFECT.get(asked) or _NO_EFFECT.get(key)
    if note and value:
        return Translation(note=f"{argument} has no effect: {note}.")
    path = _path(key)
    if path and _trains_by_sac(given):
        path = re.sub(r"^ppo\.", "sac.", path)
    if path:
        return Translation(setting=Assignment(path, _value(path, value), argument) if value else None)
    if _NOTHING_ASKED.fullmatch(key):
        return Translation()
    if key.startswith(_FOREIGN):
        raise ConfigError(
            f"{argument} is IsaacGymEnvs' name for something that igx calls otherwise, or lacks; "
            "`igx show TASK` lists a task's settings."
        )
    return Translation(setting=parse_override(argument.lstrip("+")))


def _path(key: str) -> str | None:
    """What the setting that IsaacGymEnvs calls `key` is called here; None if it is none of its names."""
    family = next((family for family in _FAMILIES if key.startswith(family)), None)
    return _SETTINGS.get(key) or (_FAMILIES[family] + key.removeprefix(family) if family else None)


def _value(path: str, text: str) -> object:
    if path in _TEXT:
        return text
    value = parse_value(text)
    return None if value == -1 and path in _MAY_BE_UNLIMITED else value


def _task(argument: str, value: str, _: Mapping[str, str]) -> Translation:
    return Translation(setting=Assignment("run.task", kebab_case(value), argument))


def kebab_case(name: str) -> str:
    """A task's name as igx writes it: `AnymalTerrain` is `anymal-terrain`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", "-", name)
    return words.lower()


def _trains_by_sac(given: Mapping[str, str]) -> bool:
    """Whether it is a task for SAC: there its name and that of its training settings are the same."""
    return given.get("task", "").endswith("SAC") and given.get("train") == given["task"]


def _train(argument: str, value: str, given: Mapping[str, str]) -> Translation:
    if value != f"{given.get('task', 'Ant')}PPO" and not _trains_by_sac(given):
        raise ConfigError(f"{argument} can't be had: choose the agent by --agent, and its settings by --preset.")
    return Translation()


def _pbt(argument: str, value: str, _: Mapping[str, str]) -> Translation:
    if value != "no_pbt":
        raise ConfigError(f"{argument} can't be had: igx has no population-based training yet.")
    return Translation()


def _wandb(argument: str, value: str, _: Mapping[str, str]) -> Translation:
    if value.lower() != "true":
        return Translation()
    return Translation(setting=Assignment("run.track", [*DEFAULT_TRACKERS, "wandb"], argument))


def _learner_device(argument: str, value: str, given: Mapping[str, str]) -> Translation:
    simulator_device = given.get("sim_device") or value
    if simulator_device == value:
        return Translation(setting=Assignment("sim.device", value, argument))
    return Translation(note=f"{argument} has no effect: igx trains where it simulates, on {simulator_device}.")


def _truncate_grads(argument: str, value: str, given: Mapping[str, str]) -> Translation:
    norm = _value("ppo.grad_norm", given.get(f"{_CONFIG}grad_norm", "1.0"))
    return Translation(setting=Assignment("ppo.grad_norm", norm if value.lower() == "true" else None, argument))


def _grad_norm(argument: str, value: str, given: Mapping[str, str]) -> Translation:
    if given.get(f"{_CONFIG}truncate_grads", "true").lower() == "false":
        return Translation()
    return Translation(setting=Assignment("ppo.grad_norm", _value("ppo.grad_norm", value), argument))


_TRANSLATORS: dict[str, Callable[[str, str, Mapping[str, str]], Translation]] = {
    "task": _task,
    "train": _train,
    "pbt": _pbt,
    "wandb_activate": _wandb,
    "rl_device": _learner_device,
    f"{_CONFIG}truncate_grads": _truncate_grads,
    f"{_CONFIG}grad_norm": _grad_norm,
}
"""Names whose value needs more than a new name."""
