"""Rows of ready-made tables, laid into Warp's arrays where environments ask for them: a kernel of our own.

In torch the same takes several passes over the values of all environments, whether or not any of them changes.
"""

# Warp compiles a kernel from its source; as Python it means little.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportUntypedFunctionDecorator=false

from typing import Any

import warp as wp
from torch import Tensor

_LANES = wp.constant(256)


@wp.kernel
def _lay(
    mask: wp.array[wp.bool],
    row: wp.array[wp.int64],
    table: wp.array2d[float],
    first: int,
    values: wp.array2d[float],
) -> None:
    env, lane = wp.tid()
    if not mask[env]:
        return
    source = int(row[env])
    for column in range(lane, table.shape[1], _LANES):
        values[env, first + column] = table[source, column]


class RowTable:
    """What some columns of an array of the engine may be.

    Args:
        table: shape `[rows, columns, ...]`.
        values: zero-copy view of the engine's array, shape `[num_envs, all columns, ...]`.
        first: the first of the columns.
    """

    def __init__(self, table: Tensor, values: Tensor, *, first: int) -> None:
        of_column = values[0, 0].numel()
        self._table, self._values = table.flatten(1).contiguous(), values.view(len(values), -1)
        self._sources = wp.from_torch(self._table), first * of_column, wp.from_torch(self._values)

    def lay(self, row: Tensor, mask: Tensor, *, device: Any) -> None:
        """Give the environments in `mask`, bool `[num_envs]`, the `row` of the table, int64 `[num_envs]`."""
        inputs = [wp.from_torch(mask, dtype=wp.bool), wp.from_torch(row, dtype=wp.int64), *self._sources]
        wp.launch(_lay, dim=(len(self._values), _LANES), inputs=inputs, device=device)
