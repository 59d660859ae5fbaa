"""Keeping MuJoCo's C engine from printing, and from writing a log file into the working directory."""

import contextlib
from collections.abc import Generator

import mujoco


@contextlib.contextmanager
def engine_log_off() -> Generator[None]:
    """Meanwhile the engine counts its warnings and says nothing; MuJoCo has this setting once for the whole process."""
    log = mujoco.MjLogConfig.get()
    to_console, to_file = log.logto_console, log.logto_file
    log.logto_console = log.logto_file = False
    log.set()
    try:
        yield
    finally:
        log.logto_console, log.logto_file = to_console, to_file
        log.set()
