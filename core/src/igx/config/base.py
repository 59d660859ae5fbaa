"""The base of all settings: frozen, closed, and clear about how a short way of writing them expands."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from igx.config.ranges import Delay

if TYPE_CHECKING:
    from igx.config.run_config import RunConfig


class Config(BaseModel):
    """A group of settings. Values never change after validation, and an unknown name is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        validate_by_name=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of fields that exclude each other: setting one takes back what an earlier source said of the others."""

    added: "ClassVar[type[Config] | None]" = None
    """For a model that allows names beside its fields: the settings whose shorthand those names understand."""

    advice: ClassVar[Mapping[str, str]] = {}
    """Names that people bring along from elsewhere, with what to write here instead."""

    @classmethod
    def expand_shorthand(cls, value: object) -> object:
        """The mapping that a shorter `value` stands for, such as `{"weight": 1.0}` for `1.0`; else `value` itself."""
        return value

    def check(self, config: "RunConfig") -> None:
        """Compare this section with the others of `config`; called before anything is built.

        Raises:
            ConfigError: some settings don't go together; the message names them by their dotted paths.
        """


class NoiseSettings(Config):
    """Noise that is added to a quantity; a bare number is the half-width of uniform noise."""

    distribution: Literal["uniform", "gaussian"] = Field("uniform", description="Shape of the distribution.")
    scale: float = Field(ge=0, description="Half-width (uniform) or standard deviation (gaussian).")

    @classmethod
    def expand_shorthand(cls, value: object) -> object:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return {"scale": value} if is_number else value

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: object) -> object:
        return cls.expand_shorthand(value)


class TaskConfig(Config):
    """Settings that every task has; a task derives its own from it."""

    episode_steps: int = Field(default=1000, gt=0, description="Steps after which an episode is cut off [steps].")
    clip_actions: float | None = Field(
        default=1.0, gt=0, description="Actions are clipped to plus and minus this; null for never."
    )
    clip_observations: float | None = Field(default=None, gt=0, description="The same for what observations hold.")
    action_noise: NoiseSettings | None = Field(
        default=None, description="Noise on what the actuators are told, not on the actions as observed; null for none."
    )
    action_delay: Delay = Field(
        default=(0, 0),
        description="How late actions reach the actuators [steps]: bounds between which each episode draws its delay.",
    )
