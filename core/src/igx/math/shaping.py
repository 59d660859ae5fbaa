"""The vocabulary of rewards: kernels that turn a distance into a number between 0 and 1, and unit ranges."""

import math

import torch
from torch import Tensor


def unscale(value: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Map [lower, upper] to [-1, 1], linearly and without clipping."""
    return (2.0 * value - upper - lower) / (upper - lower)


def scale_from_unit(value: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Map [-1, 1] to [lower, upper], linearly and without clipping: the inverse of `unscale`."""
    return lower + 0.5 * (value + 1.0) * (upper - lower)


def exp_kernel(error: Tensor, sigma: float) -> Tensor:
    """`exp(-(error / sigma)^2)`: 1 at no error, 0.37 at `sigma`, towards 0 beyond."""
    return torch.exp(-(error / sigma).square())


def inverse_kernel(error: Tensor, sigma: float = 1.0) -> Tensor:
    """`1 / (1 + |error| / sigma)`: 1 at no error, one half at `sigma`, with a long tail."""
    return 1.0 / (1.0 + error.abs() / sigma)


def tolerance(value: Tensor, lower: float, upper: float, margin: float, value_at_margin: float = 0.1) -> Tensor:
    """1 within [lower, upper], falling as a Gaussian to `value_at_margin` at the distance `margin` outside of it.

    The reward shape of the DeepMind Control Suite (Tassa et al. 2018, arXiv:1801.00690, section 2).
    """
    outside = torch.relu(lower - value) + torch.relu(value - upper)
    return torch.exp(math.log(value_at_margin) * (outside / margin).square())
