"""How far the mean over so many episodes can be trusted: confidence intervals by the bootstrap."""

from collections.abc import Generator

import numpy as np

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

CONFIDENCE = 0.95
_RESAMPLES = 2000
_AT_ONCE = 1_000_000  # random numbers, which bounds the memory


def interval_of_mean(values: Numbers, *, groups: Indices) -> tuple[Numbers, Numbers]:
    """Ends of the 95 % percentile intervals of the mean of each column, shape `[columns]`; the same every time.

    Whole groups of rows are drawn again and again, with replacement: rows of one group need not be independent of each
    other, as episodes in one environment aren't where something was drawn for all of them. Of one group alone nothing
    can be said, and the ends are not numbers.

    Args:
        values: shape `[rows, columns]`.
        groups: which group each row belongs to, shape `[rows]`.
    """
    _, group = np.unique(groups, return_inverse=True)
    count = np.bincount(group)
    if len(count) < 2:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing
    sums = np.stack([np.bincount(group, weights=column) for column in values.T], axis=-1)
    means = np.concatenate([(drawn @ sums) / (drawn @ count)[:, None] for drawn in _drawn(len(count))])
    outside = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(means, [outside, 1.0 - outside], axis=0)
    return low, high


def _drawn(groups: int) -> Generator[Numbers]:
    """How often each of the groups is drawn in each resample, shape `[some, groups]`, until there are enough."""
    generator = np.random.default_rng(0)
    most = max(1, _AT_ONCE // groups)
    for begin in range(0, _RESAMPLES, most):
        rows = min(most, _RESAMPLES - begin)
        drawn = generator.integers(groups, size=(rows, groups)) + groups * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)
