"""`igx check`: whether a task keeps the rules of the step."""

import click

from igx.cli import render
from igx.cli.options import RunCommand, RunRequest
from igx.config.overrides import Assignment

_FEW = (Assignment("sim.num_envs", 16, "igx check"), Assignment("sim.device", "cpu", "igx check"))


@click.command("check", cls=RunCommand)
def command(*, request: RunRequest) -> None:
    """Verify a task on a few environments: shapes, finiteness, no host decision in a step, resets, repeatability."""
    config = request.compose(for_training=False, before=_FEW).config
    from igx.env import make_env
    from igx.env.check import check_env

    is_sound = True
    for result in check_env(lambda: make_env(config)):
        render.check(result)
        is_sound &= result.ok is not False
    if not is_sound:
        raise SystemExit(1)
