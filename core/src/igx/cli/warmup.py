"""`igx warmup`: compiles ahead what the first training of a task would have to wait for."""

import click

from igx.cli import params, render
from igx.cli.waiting import waiting
from igx.config.overrides import Assignment, parse_override
from igx.plugins import load_plugins


@click.command("warmup")
@click.argument("tasks", nargs=-1, required=True, type=params.TASK, metavar="TASK...")
@click.option(
    "--device",
    type=params.DEVICE,
    help="Where training will run: auto, cpu, cuda or cuda:N.",
)
@click.option(
    "-o",
    "--override",
    "overrides",
    metavar="SECTION.NAME=VALUE",
    multiple=True,
    help="Set anything, as for `igx train`, e.g. sim.compile=true. Repeatable.",
)
def command(*, tasks: tuple[str, ...], device: str | None, overrides: tuple[str, ...]) -> None:
    """Compile ahead what the first `igx train TASK` would wait for: physics kernels, and torch's with sim.compile.

    Each task's environments are built with its default settings and trained in for two epochs; no run folder is
    written. Once is enough for a GPU type and a version of igx: put it into an image, or before the jobs of a CI.
    """
    import torch

    from igx.config.compose import compose

    given = [Assignment("sim.device", device, "--device")] if device else []
    settings = [*given, *(parse_override(text) for text in overrides)]
    plugins = load_plugins()
    configs = [
        compose(plugins=plugins, task=task, overrides=settings, cuda_available=torch.cuda.is_available).config
        for task in tasks
    ]

    from igx.rl.long_runs import sped_up
    from igx.rl.warmup import caches, compiles, warm_up

    for task, config in zip(tasks, map(sped_up, configs), strict=True):
        if not compiles(config):
            render.text(f"{task}: nothing to compile for {config.sim.simulator} on the {config.sim.device.upper()}.")
            continue
        once = ", once per GPU type" if config.sim.device.startswith("cuda") else ""
        with waiting(f"{task}: compiling, about a minute{once}"):
            seconds = warm_up(config, plugins=plugins)
        where = ", ".join(f"{name}'s code in {folder}" for name, folder in caches(config).items())
        render.text(f"{task}: ready after {seconds:.1f} s; {where}.")
