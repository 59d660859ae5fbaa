"""What rl_games forgets when it saves an agent: how far it is, and in the middle of what."""

from typing import TYPE_CHECKING

from igx.rl import resuming
from igx.rl.checkpoints import State

if TYPE_CHECKING:
    from igx.rl.ppo import Ppo


def progress(algo: "Ppo") -> State:
    """How far training is: schedules, mean returns, random numbers."""
    state: State = {
        "entropy_coef": algo.last_entropy_coef,
        "total_time": algo.total_time,
        "meters": resuming.meters(algo),
        "random": resuming.random_state(algo.torch_device),
    }
    if algo.has_central_value:
        net = algo.central_value_net
        state["central_value"] = {"epoch": net.epoch_num, "frame": net.frame, "lr": net.lr}
    return state


def take_progress(algo: "Ppo", state: State) -> None:
    """Go on from `progress`."""
    algo.set_entropy_coef(state["entropy_coef"])
    algo.total_time = state["total_time"]
    resuming.take_meters(algo, state["meters"])
    if algo.has_central_value:
        net, theirs = algo.central_value_net, state["central_value"]
        net.epoch_num, net.frame, net.lr = theirs["epoch"], theirs["frame"], theirs["lr"]
        algo.central_lr.fill_(net.lr)
    resuming.take_random_state(algo.torch_device, state["random"])


def rollout(algo: "Ppo") -> State:
    """In the middle of what it is: episodes that go on, and what recurrent networks remember of them."""
    return {
        "dones": algo.dones,
        "episodes": algo.episodes.state_dict(),
        "rnn_states": algo.rnn_states,
        "central_rnn_states": algo.central_value_net.rnn_states if algo.has_central_value else None,
    }


def take_rollout(algo: "Ppo", state: State) -> None:
    """Go on from `rollout`; the environments have been restored already."""
    algo.obs = algo.obs_to_tensors(algo.vec_env.observations())
    algo.dones.copy_(state["dones"])
    algo.episodes.load_state_dict(state["episodes"])
    theirs = algo.central_value_net.rnn_states if algo.has_central_value else None
    for kept, states in ((algo.rnn_states, state["rnn_states"]), (theirs, state["central_rnn_states"])):
        for tensor, value in zip(kept or (), states or (), strict=True):
            tensor.copy_(value)
