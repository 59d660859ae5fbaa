"""`igx resume`: goes on with a run that was stopped, or trains it for longer."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli.train import tell_and_exit
from igx.plugins import load_plugins

if TYPE_CHECKING:  # it imports torch
    from igx.rl.resumption import Epochs


class _Epochs(click.ParamType["Epochs"]):
    """`2000` in all, or `+500` more."""

    name = "[+]number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Epochs":
        from igx.rl.resumption import Epochs

        number = str(value).removeprefix("+")
        if not number.isascii() or not number.isdigit() or int(number) == 0:
            self.fail(f"{value!r} is no number of epochs; say 2000 for all, +500 for so many more", param, ctx)
        return Epochs(int(number), are_more=str(value).startswith("+"))


@click.command("resume")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--epochs", type=_Epochs(), help="Train so many epochs in all, or with a plus so many more.")
@click.pass_context
def command(ctx: click.Context, *, run: Path, epochs: "Epochs | None") -> None:
    """Go on with RUN as if it had never stopped: from its newest checkpoint, to the end that its settings name.

    Everything is taken up: networks, optimisers, statistics, environments, random numbers, curves. On the CPU the
    result is bit for bit that of a run without a break. --epochs also goes beyond an end that the run has reached.
    """
    import torch

    from igx.cli.progress import make_display
    from igx.config.compose import compose
    from igx.rl.run_folder import RunFolder
    from igx.rl.runner import resume

    folder, plugins = RunFolder.existing(run), load_plugins()
    composed = compose(plugins=plugins, config_file=folder.config_file, cuda_available=torch.cuda.is_available)
    result = resume(composed, folder, plugins=plugins, display=make_display(composed), epochs=epochs)
    tell_and_exit(ctx, result)
