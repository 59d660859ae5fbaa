"""Draws the curve on a task's page: mean return over environment steps of the runs in given folders.

    python docs/draw_curves.py ant runs/ant_s1 runs/ant_s2 runs/ant_s3
    python docs/draw_curves.py velocity-flat-go2 runs/go2_s1 --metric metric/lin_vel_error

The page finds `docs/tasks/TASK-curve.png` by its name. `--metric` draws that below, too.
"""

import json
from pathlib import Path
from typing import Any

import click
import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

_LABELS = {
    "return": "mean return",
    "amp/style_reward": "style reward",
    "metric/level": "mean level of the ground",
    "metric/lin_vel_error": "velocity error [m/s]",
}


@click.command()
@click.argument("task")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--metric", "metrics", multiple=True, help="Draw this, too; a name in metrics.jsonl. Repeatable.")
def main(*, task: str, runs: tuple[Path, ...], metrics: tuple[str, ...]) -> None:
    """Draw the curve of TASK from RUNS."""
    shown = ("return", *metrics)
    figure, axes = plt.subplots(len(shown), figsize=(7, 1.0 + 2.2 * len(shown)), sharex=True, squeeze=False)
    for axis, name in zip(axes[:, 0], shown, strict=True):
        for run in runs:
            steps, values = _curve(run, name)
            axis.plot(steps, values, linewidth=1.2, label=run.name)
        axis.set_ylabel(_LABELS.get(name, name))
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("environment steps [million]")
    figure.tight_layout()
    figure.savefig(Path(__file__).parent / "tasks" / f"{task}-curve.png", dpi=90)


def _curve(run: Path, name: str) -> tuple[list[float], list[float]]:
    """Millions of steps, and the values of an epoch there; epochs before the first finished episode have none."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs: list[dict[str, Any]] = [json.loads(line) for line in lines]
    points = [(epoch["frames"] / 1e6, epoch[name]) for epoch in epochs if epoch.get(name) is not None]
    return [steps for steps, _ in points], [value for _, value in points]


if __name__ == "__main__":
    main()
