"""From the trace of environments to a film of them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igx.env.trace import Trace
from igx.env.vec_env import VecEnv
from igx.sim.simulator import ModelTable, Simulator
from igx.video.film import Film, Ground, Values


def film_of(env: VecEnv, *, num_envs: int, num_steps: int) -> Film:
    """The last steps of the first environments, as far as the trace holds them.

    Model values that differ by environment are those of now, and of a table those of then.
    """
    trace, simulator = env.trace, env.simulator
    num_envs = min(num_envs, trace.num_envs)
    return Film(
        model=simulator.model,
        step_dt=env.step_dt,
        qpos=_values(trace.states()[-num_steps:, :num_envs]),
        values=_differing_values(simulator, num_envs),
        grounds=_grounds(simulator.tables, trace, num_envs=num_envs, num_steps=num_steps),
    )


def visible_fields(simulator: Simulator) -> list[str]:
    """Model fields that differ between environments and may be seen, as the engine's options can't."""
    return [name for name in simulator.varied if not name.startswith("opt.")]


def _differing_values(simulator: Simulator, num_envs: int) -> dict[str, Values]:
    return {name: _values(simulator.model_field(name)[:num_envs]) for name in visible_fields(simulator)}


def _grounds(tables: tuple[ModelTable, ...], trace: Trace, *, num_envs: int, num_steps: int) -> tuple[Ground, ...]:
    if not tables:
        return ()
    rows = trace.rows()[-num_steps:, :, :num_envs].cpu().numpy()
    return tuple(_ground(table, rows[:, number]) for number, table in enumerate(tables))


def _ground(table: ModelTable, row: NDArray[np.int64]) -> Ground:
    """Those rows of a table that are in use."""
    used, number = np.unique(row, return_inverse=True)
    wanted = torch.from_numpy(used).to(table.row.device)
    values = {name: _values(value[wanted]) for name, value in table.values.items()}
    return Ground(first=table.columns.start, values=values, row=number.reshape(row.shape))


def _values(tensor: Tensor) -> Values:
    return tensor.to(torch.float32).cpu().numpy()
