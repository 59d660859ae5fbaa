"""Going on with a run: from which of its checkpoints, and how far."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from igx.config.run_config import RunConfig
from igx.errors import CheckpointError, RunError
from igx.rl import checkpoints
from igx.rl.checkpoints import State
from igx.rl.run_folder import RunFolder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Epochs:
    """How far to train.

    Attributes:
        number: of epochs.
        are_more: whether they are counted from where the run is; otherwise from its beginning.
    """

    number: int
    are_more: bool


def newest_whole(folder: RunFolder, *, device: str) -> tuple[Path, State]:
    """The checkpoint of the latest epoch that holds the environments too, with its tensors on `device`.

    One that is damaged is passed over with a warning.

    Raises:
        CheckpointError: there is none.
    """
    newest: tuple[Path, State] | None = None
    for path in _newest_first(folder):
        try:
            state = checkpoints.load(path, device=device)
        except CheckpointError as error:
            logger.warning("%s Going on from an older one.", error)
            continue
        if "env_state" in state and (newest is None or state["epoch"] > newest[1]["epoch"]):
            newest = path, state
        if path != folder.last:
            break
    if newest is None:
        raise CheckpointError(
            f"{folder.path} holds no checkpoint to go on from; nothing whole was saved there. "
            f"Begin again: igx train --config {folder.config_file}."
        )
    return newest


def with_end(config: RunConfig, epochs: Epochs | None, *, reached: State, run: Path) -> RunConfig:
    """The settings of a run that goes on.

    Args:
        config: the settings so far.
        epochs: how far to train; whatever else ended the run before then does no more.
        reached: the checkpoint that it goes on from.
        run: its folder, for messages.

    Raises:
        RunError: it is there already.
    """
    settings, epoch = config.run, int(reached["epoch"])
    if epochs is not None:
        last = epoch + epochs.number if epochs.are_more else epochs.number
        if last <= epoch:
            raise RunError(
                f"{run} has trained {epoch} epochs, and --epochs {last} asks for so many in all; "
                f"for so many more say `igx resume {run} --epochs +{last}`."
            )
        settings = settings.model_copy(update={"max_epochs": last, "max_frames": None, "score_to_win": None})
    more = f"for more say e.g. `igx resume {run} --epochs +{epoch}`"
    if settings.max_epochs is not None and epoch >= settings.max_epochs:
        raise RunError(f"{run} has trained {epoch} epochs, and was to train {settings.max_epochs}; {more}.")
    if settings.max_frames is not None and reached["frame"] >= settings.max_frames:
        raise RunError(f"{run} has trained {reached['frame']} steps, and was to train {settings.max_frames}; {more}.")
    return config.model_copy(update={"run": settings})


def _newest_first(folder: RunFolder) -> Iterable[Path]:
    """The last policy, which may be older than they are, and the periodic ones."""
    if folder.last.is_file():
        yield folder.last
    yield from reversed(folder.epochs())
