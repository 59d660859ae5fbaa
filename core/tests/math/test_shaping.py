"""Kernels and ranges that rewards are made of."""

import math

import pytest
import torch

from igx.math import exp_kernel, inverse_kernel, scale_from_unit, tolerance, unscale

LOWER, UPPER = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 10.0, 3.0])


def test_a_range_is_mapped_to_the_unit_range_and_beyond_it() -> None:
    assert unscale(LOWER, LOWER, UPPER).tolist() == [-1.0] * 3
    assert unscale(UPPER, LOWER, UPPER).tolist() == [1.0] * 3
    assert unscale((LOWER + UPPER) / 2, LOWER, UPPER).tolist() == [0.0] * 3
    assert unscale(torch.tensor([2.0, 20.0, 4.0]), LOWER, UPPER).tolist() == [2.0, 3.0, 3.0]


def test_scaling_undoes_unscaling() -> None:
    values = torch.linspace(-20.0, 20.0, 30).view(10, 3)
    torch.testing.assert_close(scale_from_unit(unscale(values, LOWER, UPPER), LOWER, UPPER), values)


def test_an_exponential_kernel_is_one_at_no_error_and_falls_on_both_sides() -> None:
    values = exp_kernel(torch.tensor([0.0, 0.5, -0.5, 1.0, 100.0]), sigma=0.5)
    torch.testing.assert_close(values, torch.tensor([1.0, math.exp(-1), math.exp(-1), math.exp(-4), 0.0]))


def test_an_inverse_kernel_is_a_half_at_sigma_and_has_a_long_tail() -> None:
    values = inverse_kernel(torch.tensor([0.0, 2.0, -2.0, 198.0]), sigma=2.0)
    torch.testing.assert_close(values, torch.tensor([1.0, 0.5, 0.5, 0.01]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.0, 1.0), (1.5, 1.0), (2.0, 1.0), (2.5, 0.1), (0.5, 0.1), (2.25, 0.1**0.25), (50.0, 0.0)],
)
def test_tolerance_is_one_inside_and_the_chosen_value_at_the_margin(value: float, expected: float) -> None:
    assert tolerance(torch.tensor(value), 1.0, 2.0, margin=0.5).item() == pytest.approx(expected, abs=1e-6)


def test_the_value_at_the_margin_can_be_chosen() -> None:
    assert tolerance(torch.tensor(3.0), 1.0, 2.0, margin=1.0, value_at_margin=0.6).item() == pytest.approx(0.6)
