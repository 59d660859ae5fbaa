"""The folder of a run: what is in it, how it is made, and where it was made."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from igx.config.run_config import RunConfig, dump
from igx.config.sections import RunSettings
from igx.errors import RunError

_PACKAGES = ("igx", "igx-assets", "torch", "mujoco", "mujoco-warp", "warp-lang", "rl-games", "numpy", "gymnasium")
_MOST_AT_ONCE = 1000  # runs of one task that may start within one second


class RunFolder:
    """Where a run writes.

    ::

        config.yaml        every setting; `igx train --config` repeats the run
        environment.json   versions, hardware, git commit, command line
        metrics.jsonl      one JSON object an epoch
        nn/best.pth        the policy with the best mean return
        nn/last.pth        the policy at the end
        nn/epoch_N.pth     every `run.save_every` epochs
        summaries/         TensorBoard
        videos/            of the policy while it trained (`run.capture_video`), and by `igx video`

    Args:
        path: the folder itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.environment_file = path / "environment.json"
        self.metrics_file = path / "metrics.jsonl"
        self.networks = path / "nn"
        self.summaries = path / "summaries"
        self.videos = path / "videos"
        self.best = self.networks / "best.pth"
        self.last = self.networks / "last.pth"

    def epoch(self, number: int) -> Path:
        """The periodic checkpoint of an epoch."""
        return self.networks / f"epoch_{number:06d}.pth"

    def epochs(self) -> list[Path]:
        """The periodic checkpoints, oldest first."""
        return sorted(self.networks.glob("epoch_*.pth"))

    def video(self, epoch: int) -> Path:
        """The video of the policy after so many epochs."""
        return self.videos / f"epoch_{epoch:06d}.mp4"

    @classmethod
    def create(cls, config: RunConfig) -> "RunFolder":
        """Make the folder of a new run and write down what is run, and where.

        Raises:
            RunError: it is already there, or can't be written.
        """
        path = _make(config.run)
        folder = cls(path)
        try:
            folder.networks.mkdir()
            folder.summaries.mkdir()
            folder.config_file.write_text(dump(config), encoding="utf-8")
            folder.environment_file.write_text(json.dumps(_environment(config), indent=2), encoding="utf-8")
        except OSError as error:
            folder.discard()
            raise _unwritable(path, error) from error
        return folder

    def discard(self) -> None:
        """Remove the folder of a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)


def _make(settings: RunSettings) -> Path:
    if settings.runs_dir.exists() and not settings.runs_dir.is_dir():
        raise RunError(f"{settings.runs_dir} is no folder; choose another place for runs with --runs-dir.")
    names = [settings.name] if settings.name is not None else _automatic_names(settings.task)
    for name in names:
        path = settings.runs_dir / name
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unwritable(path, error) from error
        return path
    raise RunError(f"The run folder {settings.runs_dir / names[-1]} is already there; choose another --name.")


def _automatic_names(task: str) -> list[str]:
    """What to call a run that nobody named; several of a task may start within one second."""
    name = f"{task.replace(':', '-')}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    return [name, *(f"{name}_{number}" for number in range(2, _MOST_AT_ONCE))]


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"The run folder {path} cannot be written: {error.strerror}. Choose another place with --runs-dir.")


def _environment(config: RunConfig) -> dict[str, Any]:
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in _PACKAGES if (version := installed_version(name))},
        "cpu_cores": os.cpu_count(),
        "gpu": _gpu(torch.device(config.sim.device)),
        "git": _git(Path.cwd()),
    }


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution; None where it isn't."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _gpu(device: torch.device) -> dict[str, Any] | None:
    if device.type != "cuda":
        return None
    properties = torch.cuda.get_device_properties(device)
    return {"name": properties.name, "memory_bytes": properties.total_memory, "cuda": torch.version.cuda}


def _git(folder: Path) -> dict[str, Any] | None:
    """Commit of the working copy that igx was started in, if it was started in one."""
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return {"commit": commit, "changed": bool(_ask_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def _ask_git(folder: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        answer = subprocess.run([git, *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
