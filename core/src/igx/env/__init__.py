"""Vectorised environments: a task on a simulator, stepped as one."""

from igx.env.make import make, make_env
from igx.env.vec_env import VecEnv

__all__ = ["VecEnv", "make", "make_env"]
