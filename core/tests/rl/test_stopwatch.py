"""The seconds of an epoch go where they were spent."""

import time

import pytest
import torch

from igx.rl.stopwatch import Stopwatch


def test_a_pause_counts_for_nothing() -> None:
    watch = Stopwatch(torch.device("cpu"))
    for phase in ("env", "", "update"):
        watch.enter(phase)
        time.sleep(0.02)
    seconds = watch.stop().seconds()
    assert set(seconds) == {"env", "update"}
    assert sum(seconds.values()) == pytest.approx(0.04, abs=0.015)
