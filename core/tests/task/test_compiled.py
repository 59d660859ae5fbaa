"""What torch has compiled is called directly where that does the same."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from igx.task.compiled import CompiledInPlace

_CALLS = 6  # more than torch's look at Python is kept for


class Counter:
    """Counts on a buffer."""

    def __init__(self) -> None:
        self.total, self.kept = torch.zeros(3), torch.zeros(3)
        self.summand = 1.0

    def add(self) -> None:
        self.total += 1.0

    def add_and_keep(self) -> None:
        self.total += 1.0
        self.kept = self.total * 2.0

    def add_more_and_more(self) -> None:
        self.total += self.summand
        self.summand += 1.0

    def add_and_branch(self) -> None:
        self.total += 1.0
        if self.total.sum() > 1e6:  # which a compiled function can't ask
            self.total.zero_()


def calls(function: Callable[[], None]) -> None:
    for _ in range(_CALLS):
        function()


def test_it_works_on_the_same_buffers_whatever_python_says_by_then() -> None:
    counter = Counter()
    first = counter.total
    compiled = CompiledInPlace(counter.add, what="Counting")
    calls(compiled)
    assert first.tolist() == [_CALLS] * 3
    counter.total = torch.full((3,), 100.0)  # no longer looked at
    calls(compiled)
    assert first.tolist() == [2 * _CALLS] * 3
    assert counter.total.tolist() == [100.0] * 3


def test_what_keeps_a_tensor_that_it_has_made_goes_through_torch() -> None:
    counter = Counter()
    compiled = CompiledInPlace(counter.add_and_keep, what="Counting")
    calls(compiled)
    assert counter.kept.tolist() == [2.0 * _CALLS] * 3


def test_what_torch_cannot_compile_as_a_whole_runs_as_it_is_and_one_line_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counter = Counter()
    calls(CompiledInPlace(counter.add_and_branch, what="Counting"))
    assert counter.total.tolist() == [_CALLS] * 3
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("igx")]
    assert [message.partition(":")[0] for message in ours] == ["Counting can't be compiled as a whole"]
    assert "branch" in ours[0]
    assert "test_compiled.py" in ours[0]


def test_or_what_stands_in_for_it_runs() -> None:
    counter = Counter()
    calls(CompiledInPlace(counter.add_and_branch, what="Counting", otherwise=counter.add_and_keep))
    assert counter.kept.tolist() == [2.0 * _CALLS] * 3


def test_what_does_not_stay_where_it_is_goes_through_torch() -> None:
    counter = Counter()
    compiled = CompiledInPlace(counter.add, what="Counting", is_fixed=False)
    calls(compiled)
    counter.total = torch.full((3,), 100.0)
    calls(compiled)
    assert counter.total.tolist() == [100.0 + _CALLS] * 3


def test_a_number_that_changes_from_call_to_call_is_not_taken_for_fixed() -> None:
    counter = Counter()
    compiled = CompiledInPlace(counter.add_more_and_more, what="Counting")
    for _ in range(20):  # more than torch keeps variants of a function
        compiled()
    assert counter.total.tolist() == [sum(range(1, 21))] * 3


def test_it_may_be_called_in_inference_mode_and_by_any_number_of_threads() -> None:
    counter = Counter()
    compiled = CompiledInPlace(counter.add, what="Counting")
    calls(compiled)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with torch.inference_mode():
            calls(compiled)
    finally:
        torch.set_num_threads(threads)
    total: Tensor = counter.total
    assert total.tolist() == [2 * _CALLS] * 3
