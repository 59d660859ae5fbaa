"""How long `igx train` takes to begin: seconds from the start of a new process to the end of its first epoch."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from igx.errors import ConfigError, RunFailure

if TYPE_CHECKING:
    from igx.config.run_config import RunConfig

_PROGRAM = (sys.executable, "-c", "from igx.cli.app import main; main()")
_LOOK_EVERY_S = 0.005
_CACHES = ("WARP_CACHE_PATH", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH")
"""The variables that tell Warp, torch's compiler and the driver where to keep what they have compiled."""


def seconds_to_first_epoch(config: "RunConfig", *, has_empty_caches: bool = False) -> float:
    """Train one epoch in a new process, and forget it.

    Args:
        config: its settings.
        has_empty_caches: let it find nothing that was compiled before, as on a new machine.

    Raises:
        ConfigError: it refuses its settings.
        RunFailure: it fails otherwise.
    """
    from igx.config.run_config import dump

    with tempfile.TemporaryDirectory() as folder:
        caches = {name: f"{folder}/{name}" for name in _CACHES} if has_empty_caches else {}
        said, settings, metrics = (Path(folder, name) for name in ("said", "config.yaml", "run/metrics.jsonl"))
        settings.write_text(dump(config), encoding="utf-8")
        where = ("--runs-dir", folder, "--name", "run", "--max-epochs", "1")
        command = [*_PROGRAM, "train", config.run.task, "--config", str(settings), *where]
        with said.open("w") as errors:
            began_at = time.perf_counter()
            with subprocess.Popen(  # noqa: S603
                command, env={**os.environ, **caches}, stdout=subprocess.DEVNULL, stderr=errors
            ) as process:
                while not _is_written(metrics):
                    if process.poll() is not None and not _is_written(metrics):
                        raise _failure(process.returncode, said.read_text().splitlines())
                    time.sleep(_LOOK_EVERY_S)
                return time.perf_counter() - began_at


def _is_written(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _failure(code: int, said: list[str]) -> ConfigError | RunFailure:
    last = said[-1].removeprefix("error: ") if said else f"it ended with exit code {code}"
    return (ConfigError if code == ConfigError.exit_code else RunFailure)(f"`igx train` failed: {last}")
