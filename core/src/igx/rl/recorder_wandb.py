"""Records a run with Weights & Biases; without an account, or without a network, it does so offline."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from igx.rl.recorder import Policies, Record, Recorder, Say

_EXIT_CODES = {"finished": 0, "interrupted": 255, "failed": 1}  # W&B calls these finished, killed and failed
_AXES = ("frames", "epoch", "time")


class WandbRecorder(Recorder):
    """Curves over frames, epochs or seconds, settings as config, videos as media, the policy as a model artifact.

    W&B's own variables count: `WANDB_MODE`, `WANDB_PROJECT`, `WANDB_ENTITY`, `WANDB_RUN_GROUP`, `WANDB_TAGS`, ...
    Its files go into the run's folder, also those that wait to be uploaded.
    """

    def __init__(self, record: Record, say: Say) -> None:
        super().__init__(record, say)
        os.environ.setdefault("WANDB_DATA_DIR", str(record.own_folder))
        if record.command:  # what W&B shows as the program is the training, not this process
            sys.argv = record.command
            os.environ.setdefault("WANDB_PROGRAM", record.command[0])
        self._policies = Policies()
        self._epoch = record.resumed_at_epoch or 0
        self._run: Any = self._begin()
        self._run.define_metric("*", step_metric="frames")
        for axis in _AXES:
            self._run.define_metric(axis)

    def log(self, metrics: Mapping[str, float]) -> None:
        """Log one epoch; on a resumed run, W&B itself drops the epochs that it has."""
        self._epoch = int(metrics["epoch"])
        self._run.log(dict(metrics), step=self._epoch)

    def add_video(self, path: Path, *, epoch: int, frames: int) -> None:
        """Log a video beside the metrics of the moment, since W&B takes nothing for steps that are past."""
        import wandb

        video = wandb.Video(str(path), caption=f"epoch {epoch:,}, {frames:,} steps", format=_format(path))
        self._run.log({"video": video}, step=max(self._epoch, epoch))

    def add_checkpoint(self, path: Path, *, epoch: int) -> None:
        """Keep in mind a policy to upload."""
        self._policies.add(path, epoch=epoch)

    def flush(self) -> None:
        """Upload the policies that are due."""
        self._upload(self._policies.due())

    def close(self, outcome: str) -> None:
        """Upload the rest."""
        self._upload(self._policies.due(at_once=True))
        self._run.summary["outcome"] = outcome
        self._run.finish(exit_code=_EXIT_CODES.get(outcome, 1))

    def _begin(self) -> Any:
        """Start the run where W&B's settings say; if they say nothing and it can't be online, then offline."""
        import wandb

        if "WANDB_MODE" in os.environ:
            run, reason = self._init(), ""
        else:
            try:
                run, reason = self._init(), ""
            except wandb.Error as error:
                run, reason = self._init(mode="offline"), f" ({str(error).splitlines()[0]})"
        if run.offline:
            self.say(f"W&B records offline{reason}; upload it by: wandb sync {Path(run.dir).parent}")
        elif run.url:  # none where WANDB_MODE is disabled
            self.say(f"W&B records at {run.url}")
        return run

    def _init(self, **options: Any) -> Any:
        import wandb

        record = self.record
        name = os.environ.get("WANDB_RUN_ID") or record.remembered_id() or secrets.token_hex(4)
        run = wandb.init(
            dir=record.folder,
            id=name,
            resume=None if record.resumed_at_epoch is None else "allow",
            project=record.project or os.environ.get("WANDB_PROJECT") or "igx",
            group=record.group,
            name=record.folder.name,
            tags=[record.task, record.agent, *record.tags, *_given_tags()],
            config={**record.config, "environment": dict(record.environment)},
            settings=wandb.Settings(silent=True, console="off", x_stats_pid=os.getppid(), git_root=str(Path.cwd())),
            **options,
        )
        record.remember_id(name)
        return run

    def _upload(self, policies: list[tuple[Path, int]]) -> None:
        import wandb

        for path, epoch in policies:
            artifact = wandb.Artifact(f"policy-{self._run.id}", type="model", metadata={"epoch": epoch})
            artifact.add_file(str(path), name=path.name)
            self._run.log_artifact(artifact, aliases=[path.stem])


def _given_tags() -> list[str]:
    return [tag.strip() for tag in os.environ.get("WANDB_TAGS", "").split(",") if tag.strip()]


def _format(path: Path) -> Any:
    """What W&B wants to be told of a video file; `Any`, because it lists the formats that it shows."""
    return path.suffix.removeprefix(".")
