"""`check_task`: one line in a plugin's tests holds its task to the rules of the step."""

from collections.abc import Sequence

from igx.env import make
from igx.env.check import check_env


def check_task(task: str, *, num_envs: int = 16, presets: Sequence[str] = (), overrides: Sequence[str] = ()) -> None:
    """Try every rule that `igx check` tries, on the CPU.

    Args:
        task: name of the task, as `igx list-tasks` shows it.
        num_envs: how many environments try it.
        presets: named presets.
        overrides: settings such as ``task.rewards.alive=1.0``.

    Raises:
        AssertionError: the task breaks rules; the message has a line for each.
    """
    results = check_env(lambda: make(task, num_envs=num_envs, device="cpu", presets=presets, overrides=overrides))
    breaches = [f"{result.name}: {result.detail}" for result in results if result.ok is False]
    if breaches:
        raise AssertionError(f"Task {task!r} breaks {len(breaches)} rules:\n" + "\n".join(breaches))
