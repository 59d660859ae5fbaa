"""Whether a run is long enough for torch's compiler to pay."""

import logging
import math

import torch

from igx.config.run_config import RunConfig
from igx.env.torch_compiler import compiler_fault

logger = logging.getLogger(__name__)

_WORTH_COMPILING = 100_000_000
"""Environment steps from which on a sixth of the training time is more than what compiling takes (RESULTS.md)."""


def with_compilation_decided(config: RunConfig) -> RunConfig:
    """`config` with `sim.compile` true or false: where it is left open, true for a long run on a GPU if that works."""
    if config.sim.compile is not None:
        return config
    pays = config.sim.device.startswith("cuda") and _length(config) >= _WORTH_COMPILING
    fault = compiler_fault(config.sim.device) if pays and torch.cuda.is_available() else None
    if fault is not None:
        logger.warning("a long run, but not compiled, since torch's compiler does not work here: %s", fault)
    elif pays:
        logger.info("a long run: torch compiles task, networks and losses first, 10 to 30 s (sim.compile=false: don't)")
    is_compiled = pays and fault is None
    return config.model_copy(update={"sim": config.sim.model_copy(update={"compile": is_compiled})})


def _length(config: RunConfig) -> float:
    """Environment steps until the run ends by itself."""
    per_epoch = config.sim.num_envs * getattr(config.agent, "horizon", 1)
    by_epochs = math.inf if config.run.max_epochs is None else config.run.max_epochs * per_epoch
    return min(by_epochs, math.inf if config.run.max_frames is None else config.run.max_frames)
