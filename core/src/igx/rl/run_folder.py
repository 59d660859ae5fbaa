"""The folder of a run: what is in it, how it is made, and where it was made."""

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from igx.config.places import RUNS_DIR
from igx.errors import RunError, suggest
from igx.plugins.discovery import GROUP
from igx.rl import run_status
from igx.rl.curves import best_return
from igx.rl.run_status import Status, read_json, write_whole

if TYPE_CHECKING:  # it takes longer to import than many a command to run
    from igx.config.run_config import RunConfig
    from igx.config.sections import RunSettings

_PACKAGES = ("igx", "igx-assets", "torch", "mujoco", "mujoco-warp", "warp-lang", "rl-games", "numpy", "gymnasium")
_MOST_AT_ONCE = 1000  # runs of one task that may start within one second


class RunFolder:
    """Where a run writes.

    ::

        config.yaml        every setting; `igx train --config` repeats the run
        environment.json   versions, hardware, git commit, command line
        status.json        whether it runs, or how it ended; see `igx.rl.run_status`
        metrics.jsonl      one JSON object an epoch
        nn/best.pth        the policy with the best mean return when it was evaluated, or else while it trained
        nn/last.pth        everything, about once a minute and at the end
        nn/epoch_N.pth     every `run.save_every` epochs
        summaries/         TensorBoard
        export/            what `igx export` wrote
        metrics.csv, wandb/, mlflow/  what these trackers leave, if they are chosen
        videos/            of the policy while it trained (`run.capture_video`), and by `igx video`

    Args:
        path: the folder itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.environment_file = path / "environment.json"
        self.status_file = path / "status.json"
        self._claim_file = path / ".claim"
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

    def checkpoints(self) -> list[Path]:
        """All checkpoints that are there: the best one, the periodic ones, the last one."""
        return [path for path in (self.best, *self.epochs(), self.last) if path.is_file()]

    def video(self, epoch: int) -> Path:
        """The video of the policy after so many epochs."""
        return self.videos / f"epoch_{epoch:06d}.mp4"

    @classmethod
    def create(cls, config: "RunConfig") -> "RunFolder":
        """Make the folder of a new run and write down what is run, where, and that this process runs it.

        Raises:
            RunError: it is already there, or can't be written.
        """
        from igx.config.run_config import dump

        path = _make(config.run)
        folder = cls(path)
        try:
            folder.networks.mkdir()
            folder.summaries.mkdir()
            folder.config_file.write_text(dump(config), encoding="utf-8")
            folder.environment_file.write_text(json.dumps(environment(config.sim.device), indent=2), encoding="utf-8")
            run_status.begin(folder.status_file)
        except OSError as error:
            folder.discard()
            raise _unwritable(path, error) from error
        return folder

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """The folder of a run that has begun.

        Raises:
            RunError: it isn't there, or is none; the message names what is near.
        """
        folder = cls(path)
        if not folder.config_file.is_file():
            around = next((parent for parent in path.parents if cls(parent).config_file.is_file()), None)
            if path.exists() and around is not None:
                raise RunError(f"{path} is only a part of a run; name the run's folder, {around}.")
            what = "is no folder of a run: it holds no config.yaml" if path.is_dir() else "is no folder"
            raise RunError(f"{path} {what}.{neighbours(path)}")
        return folder

    @contextmanager
    def claimed(self) -> Generator[None]:
        """Have the run to oneself meanwhile; the claim ends with the process at the latest.

        Raises:
            RunError: a process has it that still runs.
        """
        with self._claim_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise RunError(f"{self.path} is still being trained, by process {file.read() or '?'}.") from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def is_claimed(self) -> bool:
        """Whether a process is training it."""
        try:
            with self._claim_file.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # nobody has ever claimed it, or it is not for us to see
            return False
        return False

    def resumed_after(self) -> list[int]:
        """The epochs after which it was resumed, in their order."""
        resumptions: object = read_json(self.environment_file).get("resumed")
        told = cast("list[Any]", resumptions) if isinstance(resumptions, list) else []
        return [each["epoch"] for each in told if isinstance(each, dict) and isinstance(each.get("epoch"), int)]

    def note_resumption(self, config: "RunConfig", *, epoch: int) -> None:
        """Write down that the run goes on after `epoch`, with which settings, and where."""
        from igx.config.run_config import dump

        told = json.loads(self.environment_file.read_text(encoding="utf-8"))
        told.setdefault("resumed", []).append({"epoch": epoch, **environment(config.sim.device)})
        write_whole(self.environment_file, json.dumps(told, indent=2))
        write_whole(self.config_file, dump(config))
        run_status.begin(self.status_file)

    def status(self) -> Status:
        """What has become of the run."""
        return run_status.read(self.status_file, is_claimed=self.is_claimed())

    def conclude(self, outcome: str, *, epochs: int, frames: int, seconds: float, best_since: int) -> None:
        """Write down how the run ended, with the highest mean return of an epoch from `best_since` on."""
        best = best_return(self.metrics_file, since=best_since)
        run_status.conclude(self.status_file, outcome, epochs=epochs, frames=frames, seconds=seconds, best_return=best)

    def discard(self) -> None:
        """Remove the folder of a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)


def _make(settings: "RunSettings") -> Path:
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


def environment(device: str) -> dict[str, Any]:
    """What a training on `device` here depends on beside its settings."""
    return {
        "started": run_status.now(),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in _packages() if (version := installed_version(name))},
        "cpu": _cpu(),
        "cpu_cores": os.cpu_count(),
        "gpu": _gpu(device),
        "git": _git(Path.cwd()),
    }


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution; None where it isn't."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> list[str]:
    """Distributions that results depend on: what igx stands on, and its plugins."""
    plugins = {entry.dist.name for entry in metadata.entry_points(group=GROUP) if entry.dist is not None}
    return [*_PACKAGES, *sorted(plugins - set(_PACKAGES))]


def _cpu() -> str:
    """The processor's name, which decides on the instructions that torch's kernels choose."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _gpu(device: str) -> dict[str, Any] | None:
    if not device.startswith("cuda"):
        return None
    import torch

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


def neighbours(target: Path) -> str:
    """A hint at the runs and checkpoints beside `target`, and in `runs/` if that is a bare name."""
    wanted, known = target.name, [path.name for path in _playable(target.parent)]
    if len(target.parts) == 1:
        wanted, known = str(RUNS_DIR / target), [*known, *map(str, _playable(RUNS_DIR))]
    return suggest(wanted, known) if known else ""


def _playable(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.suffix == ".pth" or RunFolder(path).config_file.is_file()]
