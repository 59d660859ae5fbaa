"""`igx doctor`: runs the checks of all plugins and says what is missing or broken on this machine."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import click

from igx.cli import render
from igx.errors import InvalidSpecError
from igx.plugins import CheckResult, CheckSpec, load_plugins
from igx.plugins.isolation import Failure, attempt


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Look for what is missing or broken on this machine, and say what to do about it.

    The exit code is 1 if anything that is needed fails.
    """
    results: list[CheckResult] = []
    for result in _results():
        results.append(result)
        if not as_json:
            render.check(result)
    if as_json:
        render.document([asdict(result) for result in results])
    if any(result.ok is False for result in results):
        ctx.exit(1)


def _results() -> Iterator[CheckResult]:
    """The results of all checks, igx's own first; a check that raises counts as failed."""
    specs = [spec for record in load_plugins().records for spec in record.specs if isinstance(spec, CheckSpec)]
    for spec in specs:
        results = attempt(partial(_run, spec))
        if isinstance(results, Failure):
            yield CheckResult(name=spec.name, ok=False, detail=f"The check itself failed ({results.reason}).")
        else:
            yield from results


def _run(spec: CheckSpec) -> list[CheckResult]:
    results = list(spec.load()())
    if not all(isinstance(result, CheckResult) for result in results):
        raise InvalidSpecError(f"{spec.target} must yield igx.plugins.CheckResult records")
    return results
