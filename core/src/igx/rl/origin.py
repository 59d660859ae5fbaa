"""Where a checkpoint comes from: kept in it, and held against where it is to be used."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from igx.config.run_config import RunConfig
from igx.env.vec_env import VecEnv
from igx.errors import CheckpointError
from igx.rl.checkpoints import State
from igx.rl.run_folder import installed_version

FORMAT = 1
"""Goes up when checkpoints hold something that older versions would misread."""

KEY = "igx_origin"
"""What it is called in a checkpoint."""
_COMPARED = ("policy", "critic")  # the groups that networks see


def with_origin(state: State, config: RunConfig, env: VecEnv) -> State:
    """`state` with the task, the agent and the observations that it was trained on, and by which igx."""
    origin = {
        "format": FORMAT,
        "igx": installed_version("igx"),
        "task": config.run.task,
        "agent_section": config.agent_section,
        "observations": env.observation_layout,
        "actions": env.num_actions,
    }
    return {**state, KEY: origin}


def refuse_foreign(state: State, config: RunConfig, env: VecEnv, *, path: Path) -> None:
    """Check that `state`, read from `path`, was trained on this task, as this run has it.

    What rl_games wrote tells nothing of that; then only the networks can be compared.

    Raises:
        CheckpointError: it was trained on something else, or is of a later format; the message says what differs.
    """
    origin = state.get(KEY)
    if origin is None:
        return
    if origin["format"] > FORMAT:
        raise CheckpointError(
            f"{path} was written by igx {origin['igx']} in format {origin['format']}; this igx reads up to {FORMAT}. "
            "Upgrade it to use the file."
        )
    if _bare(origin["task"]) != _bare(config.run.task):
        raise CheckpointError(f"{path} was trained on the task {origin['task']}, not on {config.run.task}.")
    if origin["agent_section"] != config.agent_section:
        theirs, ours = origin["agent_section"], config.agent_section
        raise CheckpointError(f"{path} was trained by an agent with settings {theirs!r}, not {ours!r}.")
    difference = next(_differences(origin["observations"], env.observation_layout), None)
    if difference is not None:
        raise CheckpointError(f"{path} was trained on other observations of {config.run.task}: {difference}.")
    if origin["actions"] != env.num_actions:
        raise CheckpointError(f"{path} gives {origin['actions']} actions; {config.run.task} takes {env.num_actions}.")


def _bare(task: str) -> str:
    """A task's name without its provider, which is said only where the name is ambiguous."""
    return task.rpartition(":")[2]


def _differences(there: Mapping[str, Mapping[str, int]], here: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for group in _COMPARED:
        theirs, ours = there.get(group, {}), here.get(group, {})
        if not theirs or not ours:  # a critic's own, which may be left out
            continue
        yield from (f"{name} is not shown here" for name in theirs if name not in ours)
        yield from (f"{name} was not shown there" for name in ours if name not in theirs)
        yield from (
            f"{name} is {theirs[name]} wide there and {ours[name]} here" for name in ours if theirs[name] != ours[name]
        )
        if list(theirs) != list(ours):
            yield f"the order is {', '.join(theirs)} there and {', '.join(ours)} here"
