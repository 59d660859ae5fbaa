"""What a video shows: states of a few environments, and the model values that differ between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Model values that change while a film runs: those of some shapes, each time one row of a table.

    Attributes:
        first: the first of the shapes, which stand beside each other in the model.
        values: by `MjModel` field, shape `[rows, shapes, ...]`.
        row: of each environment in each step, shape `[steps, envs]`.
    """

    first: int
    values: Mapping[str, Values]
    row: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Film:
    """States of some environments, one after each step.

    Attributes:
        model: the scene that all of them have.
        step_dt: time between two states [s].
        qpos: the states, shape `[steps, envs, nq]`.
        values: `MjModel` fields that differ between the environments, shape `[envs, ...]`.
        grounds: those that change with an environment's episodes.
    """

    model: mujoco.MjModel
    step_dt: float
    qpos: Values
    values: Mapping[str, Values] = field(default_factory=dict[str, Values])
    grounds: tuple[Ground, ...] = ()

    @property
    def num_envs(self) -> int:
        """How many environments it shows."""
        return self.qpos.shape[1]

    @property
    def num_steps(self) -> int:
        """How many states it has of each."""
        return self.qpos.shape[0]

    def lay(self, model: mujoco.MjModel, *, step: int, env: int) -> None:
        """Write into `model`, a copy of the scene, what an environment's model values are at a step."""
        for name, values in self.values.items():
            getattr(model, name)[...] = values[env]
        for ground in self.grounds:
            for name, values in ground.values.items():
                shapes = slice(ground.first, ground.first + values.shape[1])
                getattr(model, name)[shapes] = values[ground.row[step, env]]

    def save(self, file: Path) -> None:
        """Write all but the model to `file`, an .npz."""
        np.savez(file, **dict(self._arrays()))

    def _arrays(self) -> Iterator[tuple[str, Any]]:
        yield from (("qpos", self.qpos), ("step_dt", np.array(self.step_dt)))
        yield from ((f"values/{name}", values) for name, values in self.values.items())
        for number, ground in enumerate(self.grounds):
            yield from ((f"grounds/{number}/first", np.array(ground.first)), (f"grounds/{number}/row", ground.row))
            yield from ((f"grounds/{number}/values/{name}", values) for name, values in ground.values.items())

    @classmethod
    def load(cls, file: Path, model: mujoco.MjModel) -> "Film":
        """Read what `save` wrote."""
        with np.load(file) as saved:
            arrays = dict(saved)
        numbers = sorted({name.split("/")[1] for name in arrays if name.startswith("grounds/")}, key=int)
        return cls(
            model=model,
            step_dt=float(arrays["step_dt"]),
            qpos=arrays["qpos"],
            values=_below("values/", arrays),
            grounds=tuple(
                Ground(
                    first=int(arrays[f"grounds/{number}/first"]),
                    values=_below(f"grounds/{number}/values/", arrays),
                    row=arrays[f"grounds/{number}/row"],
                )
                for number in numbers
            ),
        )


def _below(prefix: str, arrays: Mapping[str, Values]) -> dict[str, Values]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
