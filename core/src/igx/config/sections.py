"""The sections of a run's settings that every task and agent shares: `sim`, `network` and `run`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    JsonValue,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from igx.config.base import Config
from igx.config.places import RUNS_DIR
from igx.errors import ConfigError

if TYPE_CHECKING:
    from igx.config.run_config import RunConfig

DEFAULT_TRACKERS = ("tensorboard",)

BUILT_IN_NETWORK = "actor_critic"
"""rl_games' MLP, the one network that no plugin offers."""


def _activation(value: object) -> object:
    return "none" if value is None or value == "None" else value


Activation = Annotated[
    Literal["elu", "relu", "selu", "gelu", "swish", "tanh", "sigmoid", "softplus", "none"], BeforeValidator(_activation)
]


def _device(device: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda|cuda:\d{1,3}", device):
        raise ValueError("it must be auto, cpu, cuda or cuda:N")
    return device


class SimConfig(Config):
    """What simulates, where, how many environments, and how finely."""

    simulator: str = Field(default="auto", description="Simulator by name; auto picks the one that suits the device.")
    device: Annotated[str, AfterValidator(_device)] = Field(
        default="auto", description="Where simulation and training run: auto, cpu, cuda or cuda:N."
    )
    num_envs: int = Field(default=64, ge=1, le=1_048_576, description="Parallel environments.")
    physics_dt: float = Field(default=1 / 120, gt=0, le=1, description="Duration of one physics substep [s].")
    decimation: int = Field(default=2, ge=1, le=1000, description="Physics substeps per action.")
    gravity: tuple[float, float, float] = Field(
        default=(0.0, 0.0, -9.81), description="Acceleration of free fall in the world's axes [m/s²]."
    )
    integrator: Literal["euler", "implicitfast", "rk4"] = Field(
        default="implicitfast", description="How velocities are integrated; stiff position control needs implicitfast."
    )
    solver: Literal["newton", "cg"] = Field(default="newton", description="Constraint solver.")
    solver_iterations: int = Field(
        default=4, ge=1, le=1000, description="Most iterations of the constraint solver per substep."
    )
    ls_iterations: int = Field(
        default=8, ge=1, le=1000, description="Most line-search iterations per solver iteration."
    )
    cone: Literal["pyramidal", "elliptic"] = Field(default="pyramidal", description="Shape of the friction cone.")
    contacts_per_env: PositiveInt | None = Field(
        default=None, description="Room for contacts per environment on a GPU; null sizes it by a trial."
    )
    constraints_per_env: PositiveInt | None = Field(
        default=None, description="Room for constraint rows per environment on a GPU; null sizes it by a trial."
    )
    threads: int = Field(default=0, ge=0, le=4096, description="CPU threads that simulate; 0 takes all cores.")
    max_speed: float = Field(
        default=1000.0,
        gt=0,
        description="Joint or body speed beyond which an environment counts as unstable [m/s or rad/s].",
    )
    trace_envs: int = Field(
        default=16, ge=0, description="Environments whose recent states are kept for video and reports."
    )
    trace_steps: int = Field(default=300, ge=1, description="How many recent states are kept of each of them [steps].")
    capture: bool = Field(default=True, description="Capture the step as one CUDA graph; no effect on the CPU.")
    compile: bool | None = Field(
        default=None,
        description="Compile the task's step with torch.compile, and networks and losses with it (ppo.compile): "
        "training takes a sixth less time, its start 10 s longer, the first one 40 s; null does where that pays, in "
        "training runs of 100 million steps and more on a GPU, and PPO's of 3 million and more on a CPU.",
    )


_INITIALIZER_OPTIONS: dict[str, frozenset[str]] = {
    "default": frozenset(),
    "const": frozenset({"val"}),
    "orthogonal": frozenset({"gain"}),
    "glorot_normal": frozenset({"gain"}),
    "glorot_uniform": frozenset({"gain"}),
    "kaiming_normal": frozenset({"mode"}),
    "variance_scaling": frozenset({"mode", "scale"}),
    "random_uniform": frozenset({"a", "b"}),
}


class InitializerConfig(Config):
    """How the weights of a layer start; a bare name is short for that initializer with its own defaults."""

    name: Literal[
        "default",
        "const",
        "orthogonal",
        "glorot_normal",
        "glorot_uniform",
        "kaiming_normal",
        "variance_scaling",
        "random_uniform",
    ] = Field(default="default", description="Which initializer; default is torch's own for the layer.")
    val: float | None = Field(default=None, description="The constant (const).")
    gain: float | None = Field(default=None, gt=0, description="Gain (orthogonal and glorot).")
    scale: float | None = Field(default=None, gt=0, description="Scale of the variance (variance_scaling).")
    mode: Literal["fan_in", "fan_out"] | None = Field(
        default=None, description="Which fan counts (kaiming_normal, variance_scaling)."
    )
    a: float | None = Field(default=None, description="Lower end (random_uniform).")
    b: float | None = Field(default=None, description="Upper end (random_uniform).")

    @classmethod
    def expand_shorthand(cls, value: object) -> object:
        """Take a name for the initializer of that name."""
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: object) -> object:
        return cls.expand_shorthand(value)

    @model_validator(mode="after")
    def _only_its_own_options(self) -> "InitializerConfig":
        foreign = self.options.keys() - _INITIALIZER_OPTIONS[self.name]
        if foreign:
            takes = ", ".join(sorted(_INITIALIZER_OPTIONS[self.name])) or "no option"
            raise ValueError(f"initializer {self.name!r} has no {min(foreign)!r}; it takes {takes}")
        if self.name == "const" and self.val is None:
            raise ValueError("initializer 'const' needs val, e.g. {name: const, val: 0.0}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_its_own(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name: value for name, value in serialize(self).items() if value is not None}

    @property
    def options(self) -> dict[str, object]:
        """The options that were given, by name."""
        return {name: value for name, value in self if name != "name" and value is not None}


class RnnConfig(Config):
    """A recurrent layer beside the MLP."""

    type: Literal["lstm", "gru"] = Field(
        default="lstm", validation_alias=AliasChoices("type", "name"), description="Kind of recurrent cell."
    )
    units: int = Field(default=256, ge=1, le=65_536, description="Width of the hidden state.")
    layers: int = Field(default=1, ge=1, le=16, description="Recurrent layers on top of each other.")
    before_mlp: bool = Field(default=False, description="Put the recurrent layer before the MLP instead of after it.")
    concat_input: bool = Field(
        default=False, description="Feed the observations to the recurrent layer beside the MLP's output."
    )
    concat_output: bool = Field(default=False, description="Append the observations to what the recurrent layer gives.")
    layer_norm: bool = Field(default=False, description="Normalise what the recurrent layer gives.")


Units = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(max_length=64)]


class TrunkConfig(Config):
    """What the policy's network and a central value network have in common."""

    units: Units = Field(default=(256, 128, 64), description="Widths of the MLP's layers, from the observations on.")
    activation: Activation = Field(default="elu", description="Activation of the MLP's layers.")
    initializer: InitializerConfig = Field(
        default=InitializerConfig(), description="How the weights of every linear layer start; biases start at zero."
    )
    d2rl: bool = Field(default=False, description="Feed the observations to every layer of the MLP again.")
    normalization: Literal["layer_norm", "batch_norm"] | None = Field(
        default=None, description="Normalise the MLP's layers; rl_games does so with d2rl only."
    )
    value_activation: Activation = Field(default="none", description="Activation of the value output.")
    rnn: RnnConfig | None = Field(default=None, description="A recurrent layer; null for none.")

    @model_validator(mode="after")
    def _normalization_works(self) -> "TrunkConfig":
        if self.normalization is not None and not self.d2rl:
            raise ValueError(f"normalization={self.normalization} has an effect with d2rl=true only")
        return self


class NetworkConfig(TrunkConfig):
    """The policy's network, and the value's unless a central value network gives it."""

    name: str = Field(default=BUILT_IN_NETWORK, description="Network by name; plugins add others.")
    separate: bool = Field(default=False, description="Give policy and value an MLP each instead of sharing one.")
    distribution: Literal["gaussian", "tanh"] = Field(
        default="gaussian", description="Action distribution; tanh squashes a Gaussian into [-1, 1]."
    )
    fixed_sigma: bool = Field(
        default=True, description="One learned log-deviation per action; false makes it depend on the state."
    )
    log_std_init: float = Field(
        default=0.0, ge=-20, le=5, description="Where the log of the actions' standard deviation starts."
    )
    mu_activation: Activation = Field(default="none", description="Activation of the action mean.")
    sigma_activation: Activation = Field(default="none", description="Activation of the log-deviation.")
    mu_init: InitializerConfig = Field(
        default=InitializerConfig(), description="How the weights of the action mean start."
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="Further settings of a plugin's network, handed to its builder as they are."
    )

    @model_validator(mode="after")
    def _options_have_a_reader(self) -> "NetworkConfig":
        if self.options and self.name == BUILT_IN_NETWORK:
            raise ValueError(f"network {self.name!r} takes no options, but {min(self.options)!r} is given")
        return self


def even_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size of a video as it is, if H.264 can have it so."""
    if any(edge % 2 or not 64 <= edge <= 4096 for edge in size):
        raise ValueError("width and height of a video must be even numbers from 64 to 4096, e.g. 640 and 480")
    return size


def _folder_name(name: str) -> str:
    if name in {"", ".", ".."} or name.startswith("-") or any(c in "/\\" or not c.isprintable() for c in name):
        raise ValueError("it must be the name of one folder, without '/', and not start with '-'")
    return name


class RunSettings(Config):
    """Which run this is: task, agent, seed, how long, what is saved and tracked, and where."""

    task: str = Field(description="Task by name.")
    agent: str = Field(description="Agent by name.")
    presets: tuple[str, ...] = Field(
        default=(), description="Presets that were applied over the task's own, in their order."
    )
    name: Annotated[str, AfterValidator(_folder_name)] | None = Field(
        default=None, description="Folder of the run; null names it after task and time. Never read from a file."
    )
    runs_dir: Path = Field(default=RUNS_DIR, description="Folder that holds the runs.")
    seed: int = Field(default=42, ge=-1, le=2**31 - 1, description="Seed of every random number; -1 draws one.")
    checkpoint: Path | None = Field(default=None, description="Start from the weights in this file.")
    max_epochs: PositiveInt | None = Field(default=500, description="Epochs to train; null for no limit.")
    max_frames: PositiveInt | None = Field(default=None, description="Environment steps to train; null for no limit.")
    score_to_win: float | None = Field(
        default=None, description="Stop once training's mean return exceeds this; null for never."
    )
    games_to_track: int = Field(default=100, ge=1, description="Finished episodes that the mean return is taken over.")
    save_every: int = Field(
        default=100,
        ge=0,
        validation_alias=AliasChoices("save_every", "save_frequency"),
        description="Epochs between two checkpoints to keep; 0 keeps only the best and the last.",
    )
    save_best_after: int = Field(default=100, ge=0, description="First epoch from which a new best policy is saved.")
    keep_checkpoints: PositiveInt | None = Field(
        default=None, description="How many of the periodic checkpoints to keep, newest first; null keeps all."
    )
    eval_envs: int = Field(
        default=64,
        ge=0,
        description="Environments in which the policy is evaluated while it trains, an episode in each, to choose the "
        "best; 0 chooses it by training's own return.",
    )
    eval_every: PositiveInt | None = Field(
        default=None,
        description="Epochs between two evaluations; null for as often as 3 % of the training time allows.",
    )
    track: tuple[str, ...] = Field(
        default=DEFAULT_TRACKERS, description="Trackers by name that are handed the metrics."
    )
    project: str | None = Field(
        default=None,
        min_length=1,
        description="Project (W&B) or experiment (MLflow) of the run; null leaves it to their own variables, else igx.",
    )
    group: str | None = Field(default=None, min_length=1, description="Group of runs that trackers sort it into.")
    tags: tuple[str, ...] = Field(default=(), description="Tags that trackers give the run.")
    capture_video: bool = Field(default=False, description="Record videos of the policy while it trains.")
    video_every: PositiveInt = Field(default=100, description="Epochs between two videos; the end gives one, too.")
    video_every_steps: PositiveInt | None = Field(
        default=None, description="Steps of each environment between two videos, instead of epochs; null for epochs."
    )
    video_steps: int = Field(default=300, ge=2, le=100_000, description="Length of a video [steps].")
    video_envs: int = Field(default=4, ge=1, le=64, description="Environments that a video shows beside each other.")
    video_size: Annotated[tuple[int, int], AfterValidator(even_size)] = Field(
        default=(640, 480), description="Width and height of a video [pixels]; even numbers."
    )
    torch_threads: PositiveInt | None = Field(
        default=None,
        description="CPU threads that torch uses; null takes up to four of the cores, PPO without a GPU up to 16.",
    )

    def check(self, config: "RunConfig") -> None:
        """Refuse a folder as checkpoint, such as a whole run."""
        if self.checkpoint is not None and self.checkpoint.is_dir():
            raise ConfigError(
                f"run.checkpoint is {self.checkpoint}, a folder; it must be a file, of a run e.g. "
                f"{self.checkpoint / 'nn' / 'best.pth'}."
            )
