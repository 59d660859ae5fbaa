"""`igx train`: trains a policy, shows how it goes, and says where it is."""

from typing import TYPE_CHECKING

import click

from igx.cli import render
from igx.cli.options import RunCommand, RunRequest
from igx.plugins import load_plugins

if TYPE_CHECKING:  # it imports torch
    from igx.rl.runner import TrainResult

_BY_SIGNAL = 128  # a shell's exit code for a program that signal n ended is 128 + n


@click.command("train", cls=RunCommand)
@click.pass_context
def command(ctx: click.Context, *, request: RunRequest) -> None:
    """Train a policy for TASK; it goes into a folder of its own in runs/.

    TASK may be left out if --config names it. Settings are written SECTION.NAME=VALUE. Ctrl-C saves the policy and
    ends; a second one ends at once.
    """
    composed = request.compose()

    from igx.cli.progress import make_display
    from igx.rl.runner import train

    result = train(composed, plugins=load_plugins(), display=make_display(composed))
    tell_and_exit(ctx, result)


def tell_and_exit(ctx: click.Context, result: "TrainResult") -> None:
    """Say how a run went, where everything is, and how to look at it or go on; exit as a signal demands."""
    how = "Interrupted" if result.signal is not None else "Finished"
    where = " in evaluation" if result.is_best_evaluated else ""
    best = "" if result.best_return is None else f"; best mean return{where} {result.best_return:,.2f}"
    render.text(
        f"{how} after {result.epochs:,} epoch{'' if result.epochs == 1 else 's'}, {result.frames:,} steps{best}."
    )
    render.text(f"Results are in {result.folder.path}. Play the policy: igx play {result.folder.path}")
    if result.signal is not None:
        render.text(f"Go on with it: igx resume {result.folder.path}")
        ctx.exit(_BY_SIGNAL + result.signal)
