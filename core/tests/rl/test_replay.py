"""The replay buffer: a ring of rows that is written and drawn from without a wait for the device."""

import pytest
import torch
from torch import Tensor
from waiting import no_waiting_for_the_device

from igx.errors import CheckpointError
from igx.rl.replay import ReplayBuffer


def buffer(*, capacity: int = 7) -> ReplayBuffer:
    return ReplayBuffer({"obs": 2, "reward": 1}, capacity=capacity, device="cpu")


def rows(first: int, num: int = 3) -> dict[str, Tensor]:
    """Rows that are numbered from `first` on by their reward."""
    numbers = torch.arange(first, first + num).float()
    return {"obs": torch.stack([10 * numbers, 100 * numbers], dim=-1), "reward": numbers[:, None]}


def held(ring: ReplayBuffer) -> list[int]:
    """The numbers of the rows in it, in the order in which they lie."""
    return ring.rows[: int(ring.count), 2].int().tolist()


def test_the_oldest_rows_give_way_where_the_ring_is_no_multiple_of_what_is_added() -> None:
    ring = buffer()
    reached: list[list[int]] = []
    for first in range(0, 15, 3):
        ring.add(rows(first))
        reached.append(held(ring))
    assert reached == [
        [0, 1, 2],
        [0, 1, 2, 3, 4, 5],
        [7, 8, 2, 3, 4, 5, 6],
        [7, 8, 9, 10, 11, 5, 6],
        [14, 8, 9, 10, 11, 12, 13],
    ]


def test_a_ring_may_be_as_small_as_what_is_added() -> None:
    ring = buffer(capacity=3)
    for first in (0, 3):
        ring.add(rows(first))
    assert held(ring) == [3, 4, 5]


def test_columns_of_a_row_stay_together() -> None:
    ring = buffer()
    for first in (0, 3, 6):
        ring.add(rows(first))
    drawn = ring.sample(50)
    assert {name: tuple(column.shape) for name, column in drawn.items()} == {"obs": (50, 2), "reward": (50, 1)}
    assert torch.equal(drawn["obs"], drawn["reward"] * torch.tensor([10.0, 100.0]))


def test_only_rows_that_hold_something_are_drawn_each_as_often() -> None:
    ring = buffer(capacity=1000)
    for first in (0, 3):
        ring.add(rows(first))
    torch.manual_seed(0)
    counts = torch.bincount(ring.sample(60_000)["reward"][:, 0].long(), minlength=6)
    assert len(counts) == 6
    assert counts.min() > 9_600
    assert counts.max() < 10_400


def test_neither_adding_nor_drawing_waits_for_the_device_or_moves_anything() -> None:
    ring = buffer()
    before = [tensor.data_ptr() for tensor in (ring.rows, ring.count, ring.next)]
    with no_waiting_for_the_device():
        for first in (0, 3, 6):
            ring.add(rows(first))
            ring.sample(4)
    assert [tensor.data_ptr() for tensor in (ring.rows, ring.count, ring.next)] == before


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_restored_buffer_goes_on_as_it_would_have(steps: int) -> None:
    ring, again = buffer(), buffer()
    for first in range(0, 3 * steps, 3):
        ring.add(rows(first))
    again.add(rows(90))
    again.load_state_dict(ring.state_dict())
    for one in (ring, again):
        one.add(rows(50))
    assert torch.equal(again.rows[: int(again.count)], ring.rows[: int(ring.count)])
    assert (again.count, again.next) == (ring.count, ring.next)


def test_a_state_holds_no_more_than_what_was_added() -> None:
    ring = buffer(capacity=1000)
    ring.add(rows(0))
    assert ring.state_dict()["rows"].untyped_storage().nbytes() == 3 * 3 * 4


def test_a_state_of_a_buffer_of_another_size_is_refused() -> None:
    message = r"in the checkpoint is for 8 rows of 3 numbers; the settings make it one for 7 of 3\."
    with pytest.raises(CheckpointError, match=message):
        buffer().load_state_dict(buffer(capacity=8).state_dict())
