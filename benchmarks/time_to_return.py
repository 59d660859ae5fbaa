"""How long training takes to reach a mean return, over seeds; one run after the other.

    python benchmarks/time_to_return.py ant --returns 3000,6000 --seeds 1,2,3 --device cuda:0

*Seconds* are those of training: rollouts and updates since the first epoch began, as `metrics.jsonl` has them, without
imports, compilation and capture before it. *Steps* are environment steps. The return is the mean over the last finished
episodes, at most a hundred, as it is shown while training.
"""

import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("task")
@click.option("--returns", default="3000", show_default=True, help="Mean returns to reach, with commas.")
@click.option("--seeds", default="1,2,3", show_default=True, help="Seeds, with commas.")
@click.option("--runs-dir", type=click.Path(path_type=Path), help="Keep the runs in this folder.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(*, task: str, returns: str, seeds: str, runs_dir: Path | None, options: tuple[str, ...]) -> None:
    """Train TASK once for each seed; further OPTIONS go to `igx train`."""
    with tempfile.TemporaryDirectory() as passing:
        folder = runs_dir or Path(passing)
        runs = {int(seed): _train(task, int(seed), folder, options) for seed in seeds.split(",")}
    report: dict[str, Any] = {"task": task, "options": " ".join(options), "seeds": list(runs)}
    for target in (float(value) for value in returns.split(",")):
        reached = {seed: _first(epochs, target) for seed, epochs in runs.items()}
        report[f"return {target:g}"] = {
            "seconds": [None if epoch is None else round(epoch["time"], 2) for epoch in reached.values()],
            "steps": [None if epoch is None else epoch["frames"] for epoch in reached.values()],
        }
    finals = [next(e["return"] for e in reversed(epochs) if "return" in e) for epochs in runs.values()]
    report["final return"] = {"each": [round(final, 1) for final in finals], "median": statistics.median(finals)}
    report["best return"] = [round(max(e["return"] for e in epochs if "return" in e), 1) for epochs in runs.values()]
    rates = [statistics.median(epoch["steps_per_s"] for epoch in epochs) for epochs in runs.values()]
    report["steps per second, median of epochs"] = [round(rate) for rate in rates]
    click.echo(json.dumps(report, indent=2))


def _train(task: str, seed: int, folder: Path, options: tuple[str, ...]) -> list[dict[str, float]]:
    name = f"{task}_seed{seed}"
    command = ["igx", "train", task, "--seed", str(seed), "--runs-dir", str(folder), "--name", name, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]


def _first(epochs: list[dict[str, float]], target: float) -> dict[str, float] | None:
    return next((epoch for epoch in epochs if epoch.get("return", float("-inf")) >= target), None)


if __name__ == "__main__":
    main()
