"""`igx import-checkpoint`: makes a run of a checkpoint that rl_games wrote, so that it can be played and trained on."""

from pathlib import Path

import click

from igx.cli import render
from igx.cli.options import RunCommand, RunRequest
from igx.plugins import load_plugins


@click.command("import-checkpoint", cls=RunCommand)
@click.argument("file", type=click.Path(path_type=Path))
def command(*, request: RunRequest, file: Path) -> None:
    """Make a run for TASK of FILE, a checkpoint that rl_games wrote, with IsaacGymEnvs for example.

    No code in the file is run. Its networks must be those that the settings describe (--preset, network.units=...);
    what differs is said. Observations are taken to be the task's, in its order.
    """
    composed = request.compose()

    from igx.rl.importing import import_checkpoint

    folder = import_checkpoint(file, composed, plugins=load_plugins())
    render.text(f"{file} is the policy of {folder.path} now. Play it: igx play {folder.path}")
