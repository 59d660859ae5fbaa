"""The settings of a run that is over, for commands that do something with its policy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from igx.plugins import load_plugins

if TYPE_CHECKING:  # it imports pydantic
    from igx.config.run_config import RunConfig


def config_of(file: Path, *, command: str, changes: "dict[str, Any]") -> "RunConfig":
    """The settings in a run's config.yaml, with what `command` does otherwise: `changes` by path, None for none.

    Raises:
        ConfigError: they can't be had here, e.g. for want of a device.
    """
    import torch

    from igx.config.compose import compose
    from igx.config.overrides import Assignment

    flags = [Assignment(path, value, command) for path, value in changes.items() if value is not None]
    return compose(
        plugins=load_plugins(),
        config_file=file,
        overrides=flags,
        cuda_available=torch.cuda.is_available,
        for_training=False,
    ).config
