"""What every algorithm of rl_games forgets when it saves itself: mean returns and random numbers."""

from typing import Any

import torch

from igx.rl.checkpoints import State


def meters(algo: Any) -> State:
    """Means over the last episodes, of an algorithm with the three meters of rl_games' PPO."""
    return {name: {"mean": meter.mean, "size": meter.current_size} for name, meter in _meters(algo).items()}


def take_meters(algo: Any, state: State) -> None:
    """Go on from `meters`."""
    for name, meter in _meters(algo).items():
        meter.mean, meter.current_size = state[name]["mean"], state[name]["size"]


def random_state(device: torch.device) -> State:
    """Where torch's generators are, that of the CPU and that of `device`."""
    state: State = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def take_random_state(device: torch.device, state: State) -> None:
    """Go on from `random_state`."""
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)


def _meters(algo: Any) -> dict[str, Any]:
    return {"rewards": algo.game_rewards, "shaped": algo.game_shaped_rewards, "lengths": algo.game_lengths}
