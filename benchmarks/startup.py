"""From typing `igx train TASK` to the end of its first epoch, in seconds.

    python benchmarks/startup.py ant --device cuda:0
    python benchmarks/startup.py ant --device cuda:0 --cold

`--cold` gives Warp and torch empty caches for compiled kernels, as on a new machine. Python's own files are warm.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import click


@click.command()
@click.argument("task")
@click.option("--device", default="cpu", show_default=True)
@click.option("--cold", is_flag=True, help="Start with empty caches for compiled kernels.")
@click.option("--rounds", default=3, show_default=True)
def main(*, task: str, device: str, cold: bool, rounds: int) -> None:
    """Time the start of training TASK."""
    seconds = [_start(task, device, cold=cold) for _ in range(rounds)]
    click.echo(json.dumps({"task": task, "device": device, "cold": cold, "seconds_to_first_epoch": seconds}))


def _start(task: str, device: str, *, cold: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        metrics = Path(folder, "run", "metrics.jsonl")
        command = ["igx", "train", task, "--device", device, "--runs-dir", folder, "--name", "run", "--max-epochs", "1"]
        caches = {"WARP_CACHE_PATH": f"{folder}/warp", "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor"} if cold else {}
        start = time.perf_counter()
        with subprocess.Popen(command, env={**os.environ, **caches}, stdout=subprocess.DEVNULL) as process:
            while not (metrics.exists() and metrics.stat().st_size):
                if process.poll() not in (None, 0):
                    raise click.ClickException(f"{' '.join(command)} failed.")
                time.sleep(0.005)
            elapsed = time.perf_counter() - start
        return round(elapsed, 2)


if __name__ == "__main__":
    main()
