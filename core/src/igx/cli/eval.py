"""`igx eval`: measures trained policies over many episodes, with confidence intervals, and finds the best one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import params, render
from igx.cli.trained import device_option, settings_of
from igx.plugins import load_plugins

if TYPE_CHECKING:  # it imports torch
    from igx.config.run_config import RunConfig
    from igx.rl.evaluation import Estimate, Evaluation

_MOST_ENVS = 1024
_ACTING = {"deterministic": (True,), "stochastic": (False,), "both": (True, False)}
_NAMES = {True: "deterministic", False: "stochastic"}


class _Seeds(click.ParamType[tuple[int, ...]]):
    """How many seeds, counted from 1, or the seeds themselves."""

    name = "number or list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read `5` as 1, 2, 3, 4, 5, and `7,11` or `7,` as it stands."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = [int(part) for part in str(value).split(",") if part.strip()]
        except ValueError:
            numbers = []
        if not numbers or min(numbers) < 0 or len(set(numbers)) < len(numbers) or numbers == [0]:
            self.fail(f"{value!r} is neither a number of seeds, e.g. 5, nor a list of them, e.g. 7,11.", param, ctx)
        return tuple(numbers) if "," in str(value) else tuple(range(1, numbers[0] + 1))


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What the command line asks for; the attributes are its options."""

    run_or_checkpoint: Path
    episodes: int
    seeds: tuple[int, ...]
    num_envs: int | None
    device: str
    simulator: str
    acting: str
    all_checkpoints: bool
    overrides: tuple[str, ...]
    as_json: bool

    def changed(self) -> dict[str, object]:
        """What differs from the run's settings."""
        num_envs = self.num_envs or min(self.episodes, _MOST_ENVS)
        return {"sim.num_envs": num_envs, "sim.device": self.device, "sim.simulator": self.simulator}


@click.command("eval")
@click.argument("run_or_checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--episodes", type=click.IntRange(min=1), default=100, show_default=True, help="Episodes to play with each seed."
)
@click.option(
    "--seeds",
    type=_Seeds(),
    default="1",
    show_default=True,
    help="How many seeds, counted from 1, or a list of them, e.g. 7,11.",
)
@click.option(
    "--num-envs",
    type=click.IntRange(min=1),
    help=f"Environments to play in; by default one for each episode of a seed, up to {_MOST_ENVS}.",
)
@device_option
@click.option("--simulator", type=params.SIMULATOR, default="auto", help="By default the one that suits the device.")
@click.option("--deterministic", "acting", flag_value="deterministic", help="Act by the mean of the distribution only.")
@click.option("--stochastic", "acting", flag_value="stochastic", help="Act by samples only.")
@click.option("--both", "acting", flag_value="both", default="both", help="Act in either way; the default.")
@click.option("--all-checkpoints", is_flag=True, help="Compare all checkpoints of the run, and say which is best.")
@click.option(
    "-o", "--override", "overrides", multiple=True, metavar="SECTION.NAME=VALUE", help="Set anything. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(**options: Any) -> None:
    """Measure a trained policy: returns, lengths, successes and reward terms, each with a 95 % confidence interval.

    RUN_OR_CHECKPOINT is the folder of a run, which stands for its best policy, or a .pth file in its nn/.
    """
    from igx.rl.evaluation import evaluate, summarise
    from igx.rl.playing import find_checkpoint

    asked = _Request(**options)
    checkpoint, folder = find_checkpoint(asked.run_or_checkpoint)
    files = folder.checkpoints() if asked.all_checkpoints else [checkpoint]
    config = settings_of(folder.config_file, command="igx eval", changed=asked.changed(), overrides=asked.overrides)
    where = f"{config.run.task} on {config.sim.simulator} ({config.sim.device})"
    if not asked.as_json:
        what = f"{len(files)} checkpoints of {folder.path}" if asked.all_checkpoints else str(checkpoint)
        render.text(f"Evaluating {what}: {where}.")
    ways, seeds = _ACTING[asked.acting], asked.seeds
    parts = evaluate(files, config, episodes=asked.episodes, seeds=seeds, deterministic=ways, plugins=load_plugins())
    count = len(files) * len(ways) * len(seeds)
    evaluations = summarise(render.progress(parts, label="Evaluating", length=count))
    if asked.as_json:
        render.document({**_settings_as_json(asked, config), **_as_json(evaluations)})
    else:
        _print(evaluations, asked)


def _settings_as_json(asked: _Request, config: "RunConfig") -> dict[str, Any]:
    sim = config.sim
    where = {"task": config.run.task, "simulator": sim.simulator, "device": sim.device, "num_envs": sim.num_envs}
    return {**where, "episodes": asked.episodes, "seeds": list(asked.seeds)}


def _print(evaluations: "Sequence[Evaluation]", asked: _Request) -> None:
    each = f"{asked.episodes:,} episode{'' if asked.episodes == 1 else 's'}"
    seeds = ", ".join(map(str, asked.seeds))
    with_seeds = f"with seed {seeds}" if len(asked.seeds) == 1 else f"with each of the seeds {seeds}"
    render.text(f"{each} {with_seeds}; means and their 95 % intervals:")
    if asked.all_checkpoints:
        _print_ranking(evaluations)
    else:
        _print_columns(evaluations)


def _as_json(evaluations: "Sequence[Evaluation]") -> dict[str, Any]:
    from igx.rl.evaluation import ranked

    order = ranked(_comparable(evaluations))
    best = order[0]
    documents: dict[Path, dict[str, Any]] = {
        evaluation.checkpoint: {
            "checkpoint": str(evaluation.checkpoint),
            "epoch": evaluation.epoch,
            "less_than_best": _interval(evaluation.behind(best)),
        }
        for evaluation in order
    }
    for evaluation in evaluations:
        documents[evaluation.checkpoint][_NAMES[evaluation.deterministic]] = _numbers(evaluation)
    return {"best": str(best.checkpoint), "checkpoints": list(documents.values())}


def _numbers(evaluation: "Evaluation") -> dict[str, Any]:
    estimates, success = evaluation.estimates, evaluation.success
    return {
        "episodes": len(evaluation.values),
        "return": _interval(estimates["return"]),
        "length": _interval(estimates["length"]),
        **({"success": _interval(success)} if success else {}),
        "unstable": evaluation.unstable,
        "terms": {name: _interval(estimate) for name, estimate in evaluation.terms.items()},
        "return_by_seed": {str(seed): float(played.of("return").mean()) for seed, played in evaluation.by_seed.items()},
    }


def _interval(estimate: "Estimate") -> dict[str, float | None]:
    numbers = {name: getattr(estimate, name) for name in ("mean", "low", "high", "std")}
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


def _comparable(evaluations: "Sequence[Evaluation]") -> "list[Evaluation]":
    """Those that policies are compared by: acting deterministically, unless nothing did."""
    return [e for e in evaluations if e.deterministic] or list(evaluations)


def _print_columns(evaluations: "Sequence[Evaluation]") -> None:
    """One policy: a line for each number, a column for each way to act."""
    shown = [_lines(evaluation) for evaluation in evaluations]
    rows = [[name, *(lines[name] for lines in shown)] for name in shown[0]]
    if any(evaluation.unstable for evaluation in evaluations):
        rows.append(["unstable", *(f"{evaluation.unstable:,} times" for evaluation in evaluations)])
    ways = [_NAMES[evaluation.deterministic] for evaluation in evaluations]
    render.table(["", *ways], rows, least_missed=ways[1:])


def _lines(evaluation: "Evaluation") -> dict[str, str]:
    """Return, length and success, then the terms."""
    lines = {name: _cell(evaluation.estimates[name]) for name in ("return", "length")}
    if evaluation.success:
        lines["success"] = _cell(evaluation.success, is_rate=True)
    return lines | {name.partition("/")[2]: _cell(estimate) for name, estimate in evaluation.terms.items()}


def _print_ranking(evaluations: "Sequence[Evaluation]") -> None:
    """Several policies: a line for each, the best one first."""
    from igx.rl.evaluation import ranked

    order = ranked(_comparable(evaluations))
    best = order[0]
    others = {e.checkpoint: e for e in evaluations if e.deterministic != best.deterministic}
    other_returns = [f"return, {_NAMES[not best.deterministic]}"] if others else []
    columns = ["checkpoint", "epoch", f"return, {_NAMES[best.deterministic]}", "less than the best", *other_returns]
    columns += ["success"] if best.success else []
    rows: list[list[str]] = []
    for evaluation in order:
        behind = "" if evaluation is best else _cell(evaluation.behind(best))
        row = [evaluation.checkpoint.name, f"{evaluation.epoch:,}", _cell(evaluation.estimates["return"]), behind]
        row += [_cell(others[evaluation.checkpoint].estimates["return"])] if others else []
        row += [_cell(evaluation.success, is_rate=True)] if evaluation.success else []
        rows.append(row)
    render.table(columns, rows, wrap=("checkpoint",), least_missed=[*other_returns, "epoch", "less than the best"])
    render.text(_verdict(best, order[1:]))


def _verdict(best: "Evaluation", others: "Sequence[Evaluation]") -> str:
    """Which one is best, and which ones may be no worse."""
    leads = {other.checkpoint.name: other.behind(best) for other in others}
    same = [name for name, lead in leads.items() if lead.low == lead.high == 0.0]
    close = [name for name, lead in leads.items() if name not in same and not lead.low > 0.0]
    also = f", as {' and '.join(same)}" if same else ""
    doubt = f"; so many episodes don't tell it from {', '.join(close)}" if close else ""
    return f"The best is {best.checkpoint}{also}{doubt}."


def _cell(estimate: "Estimate", *, is_rate: bool = False) -> str:
    def shown(number: float) -> str:
        return f"{number:.1%}" if is_rate else f"{number:,.2f}"

    if not math.isfinite(estimate.low):
        return shown(estimate.mean)
    return f"{shown(estimate.mean)}  [{shown(estimate.low)}, {shown(estimate.high)}]"
