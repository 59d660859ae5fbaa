"""What makes a long run quicker, where its settings leave that open: torch's compiler, and bfloat16 on some CPUs."""

import logging
import math

import torch

from igx.config.run_config import RunConfig
from igx.env.torch_compiler import compiler_fault
from igx.rl.ppo_config import PpoConfig

logger = logging.getLogger(__name__)

_LONG_ON_GPU = 100_000_000
"""Environment steps from which on a sixth of the training time is more than what compiling takes (RESULTS.md)."""

_LONG_ON_CPU = 3_000_000
"""The same for a CPU, where a third of the training time is saved."""

_WIDE = 256
"""Units of a layer from which on products in bfloat16 save more than it takes to convert to it (RESULTS.md)."""

_COMPUTES_IN_BFLOAT16 = ("avx512_bf16", "amx_bf16")


def sped_up(config: RunConfig) -> RunConfig:
    """`config` with `sim.compile` and PPO's `mixed_precision` true or false where they are left open.

    True for a long run: compiled where torch's compiler works, and a network that isn't tiny in bfloat16 on a CPU that
    computes in it. Other agents than PPO are left alone on a CPU.
    """
    return _with_precision(_with_compilation(config))


def tell(decided: RunConfig, *, asked: RunConfig) -> None:
    """Say what `sped_up` has decided, and how to have it otherwise."""
    if decided.sim.compile and asked.sim.compile is None:
        logger.info("a long run: torch compiles task, networks and losses first, 5 to 40 s (sim.compile=false: don't)")
    if decided.agent != asked.agent:
        setting = f"{decided.agent_section}.mixed_precision"
        if getattr(decided.agent, "mixed_precision", None):
            logger.info("a long run: this processor trains it in bfloat16 (%s=false: don't)", setting)


def _with_compilation(config: RunConfig) -> RunConfig:
    if config.sim.compile is not None:
        return config
    pays = _is_long(config)
    is_there = config.sim.device == "cpu" or torch.cuda.is_available()
    fault = compiler_fault(config.sim.device) if pays and is_there else None
    if fault is not None:
        logger.warning("a long run, but not compiled, since torch's compiler does not work here: %s", fault)
    is_compiled = pays and fault is None
    return config.model_copy(update={"sim": config.sim.model_copy(update={"compile": is_compiled})})


def _with_precision(config: RunConfig) -> RunConfig:
    ppo, section = config.agent, config.agent_section
    if not isinstance(ppo, PpoConfig) or ppo.mixed_precision is not None:
        return config
    is_wide = max(config.network.units, default=0) >= _WIDE
    pays = config.sim.device == "cpu" and _is_long(config) and is_wide and _computes_in_bfloat16()
    return config.model_copy(update={section: ppo.model_copy(update={"mixed_precision": pays})})


def _is_long(config: RunConfig) -> bool:
    if config.sim.device == "cpu":
        return isinstance(config.agent, PpoConfig) and _length(config) >= _LONG_ON_CPU
    return _length(config) >= _LONG_ON_GPU


def _length(config: RunConfig) -> float:
    """Environment steps until the run ends by itself."""
    per_epoch = config.sim.num_envs * getattr(config.agent, "horizon", 1)
    by_epochs = math.inf if config.run.max_epochs is None else config.run.max_epochs * per_epoch
    return min(by_epochs, math.inf if config.run.max_frames is None else config.run.max_frames)


def _computes_in_bfloat16() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not tell
    return any(capabilities.get(name) for name in _COMPUTES_IN_BFLOAT16)
