"""What the commands that take up a trained run again have in common: options, and the run's settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from igx.cli import params
from igx.config.overrides import Assignment, parse_override
from igx.plugins import load_plugins

if TYPE_CHECKING:
    from igx.config.run_config import RunConfig

device_option = click.option(
    "--device", type=params.DEVICE, default="auto", help="Where to simulate: auto, cpu, cuda or cuda:N."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), help="Seed of every random number; by default the run's."
)
stochastic_option = click.option(
    "--stochastic", is_flag=True, help="Act by samples instead of by the mean of the policy's distribution."
)


def settings_of(
    config_file: Path, *, command: str, changed: Mapping[str, object], overrides: Sequence[str] = ()
) -> "RunConfig":
    """A run's own settings, with what a command does otherwise; nothing is compiled for a few episodes.

    Args:
        config_file: the run's `config.yaml`.
        command: who asks, for messages.
        changed: dotted path → value of what the command decides; None leaves the run's.
        overrides: settings such as ``task.episode_steps=100``, which have the last word.

    Raises:
        ConfigError: they don't exist, or have a wrong value.
    """
    import torch

    from igx.config.compose import compose

    given = {"sim.compile": False, **changed}
    flags = [Assignment(path, value, command) for path, value in given.items() if value is not None]
    return compose(
        plugins=load_plugins(),
        config_file=config_file,
        overrides=[*flags, *(parse_override(text) for text in overrides)],
        cuda_available=torch.cuda.is_available,
        for_training=False,
    ).config
