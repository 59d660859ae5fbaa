"""What was seen before and is learned from again: the last rows, in a ring on the device that nobody waits for."""

from collections.abc import Mapping

import torch
from torch import Tensor

from igx.errors import CheckpointError
from igx.rl.checkpoints import State

_ANY = 2**62  # far above any number of rows, so that a remainder of it favours none of them


class ReplayBuffer:
    """The last `capacity` rows of named columns; the oldest give way to new ones, wherever in the ring that happens.

    A row lies in one piece, so that adding takes one write and drawing one read. Where the next row goes, and how many
    there are, is known on the device alone: both can be recorded as CUDA graphs.

    Args:
        widths: width of each column.
        capacity: rows; at least as many as are added at a time.
        device: where they are.
    """

    def __init__(self, widths: Mapping[str, int], *, capacity: int, device: torch.device | str) -> None:
        self.widths, self.capacity = dict(widths), capacity
        self.rows = torch.zeros(capacity, sum(widths.values()), device=device)
        self.count = torch.zeros((), dtype=torch.long, device=device)
        """Rows that hold something."""
        self.next = torch.zeros((), dtype=torch.long, device=device)
        """Where the next row goes."""

    @staticmethod
    def bytes_per_row(widths: Mapping[str, int]) -> int:
        """Memory that one row takes."""
        return 4 * sum(widths.values())

    @torch.no_grad()
    def add(self, columns: Mapping[str, Tensor]) -> None:
        """Take in rows, the same number each time that this is recorded; shape of a column `[rows, width]`."""
        rows = torch.cat([columns[name].float() for name in self.widths], dim=-1)
        places = (self.next + torch.arange(len(rows), device=rows.device)) % self.capacity
        self.rows.index_copy_(0, places, rows)
        self.next.copy_((self.next + len(rows)) % self.capacity)
        self.count.copy_((self.count + len(rows)).clamp(max=self.capacity))

    @torch.no_grad()
    def sample(self, size: int) -> dict[str, Tensor]:
        """Draw rows, each as likely as any other and maybe twice; shape of a column `[size, width]`."""
        drawn = torch.randint(_ANY, (size,), device=self.rows.device) % self.count
        columns = self.rows.index_select(0, drawn).split(list(self.widths.values()), dim=-1)
        return dict(zip(self.widths, columns, strict=True))

    def state_dict(self) -> State:
        """What `load_state_dict` needs to go on: the rows that hold something. Waits for the device."""
        # copied, since a slice is saved with all that it is a slice of, and to where there is room for another one
        filled = self.rows[: int(self.count)].to("cpu", copy=True)
        return {"capacity": self.capacity, "rows": filled, "next": self.next}

    def load_state_dict(self, state: State) -> None:
        """Go on from `state`.

        Raises:
            CheckpointError: it is of a buffer of another size.
        """
        rows = state["rows"]
        if state["capacity"] != self.capacity or rows.shape[1] != self.rows.shape[1]:
            raise CheckpointError(
                f"The replay buffer in the checkpoint is for {state['capacity']} rows of {rows.shape[1]} numbers; "
                f"the settings make it one for {self.capacity} of {self.rows.shape[1]}."
            )
        self.rows[: len(rows)].copy_(rows)
        self.count.fill_(len(rows))
        self.next.copy_(state["next"])
