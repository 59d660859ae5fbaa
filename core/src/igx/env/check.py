"""Does a task keep the rules of the step? Each rule is tried on running environments, and a breach names its line."""

import linecache
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from igx.env.vec_env import VecEnv
from igx.plugins import CheckResult
from igx.task import Task

_STEPS = 50
_READERS = ("shared", "remembered", "observation", "termination", "reward", "metric")
_IGX = str(Path(__file__).parents[1])
_TORCH = str(Path(torch.__file__).parent)


class HostDecisionError(RuntimeError):
    """A step asked for a value on the host, or for a tensor whose shape depends on values."""


def check_env(make: Callable[[], VecEnv]) -> Iterator[CheckResult]:
    """Try every rule, one after the other.

    Args:
        make: builds the environments anew, the same each time: a few of them, on the CPU.
    """
    yield _stays_on_the_device(make())
    yield _keeps_its_buffers(make())
    yield _is_finite(make())
    yield _terms_sum_to_reward(make())
    yield _terms_only_read(make())
    yield _resets_masked_rows_only(make())
    yield _repeats(make(), make())
    yield _goes_on_after_restore(make())


def _actions(env: VecEnv, *, steps: int = _STEPS) -> Iterator[Tensor]:
    """Random actions in [-1, 1], the same for every environment of a task."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        actions = torch.rand(env.num_envs, env.num_actions, generator=generator) * 2.0 - 1.0
        yield actions.to(env.device)


# Rules.


def _stays_on_the_device(env: VecEnv) -> CheckResult:
    rule = "no host decision in a step"
    env.reset()
    try:
        with _Watch(), _WatchPython():
            for action in _actions(env, steps=3):
                env.step(action)
    except HostDecisionError as error:
        return _broken(rule, str(error))
    if not env.task.capture:
        return _kept(rule, f"never captured: {env.task.capture_reason}")
    return _kept(rule)


def _keeps_its_buffers(env: VecEnv) -> CheckResult:
    rule = "shapes, types and addresses stay"
    env.reset()
    before = _describe_buffers(env)
    for action in _actions(env):
        env.step(action)
    changed = [name for name, what in _describe_buffers(env).items() if before[name] != what]
    wrong_type = [name for name, tensor in _observations(env).items() if tensor.dtype != torch.float32]
    if changed or wrong_type:
        return _broken(rule, f"changed within a step: {', '.join(changed + wrong_type)}")
    widths = ", ".join(f"{group} {width}" for group, width in env.observation_widths.items())
    return _kept(rule, f"observations: {widths}; actions {env.num_actions}")


def _is_finite(env: VecEnv) -> CheckResult:
    rule = f"{_STEPS} random steps are finite"
    env.reset()
    for step, action in enumerate(_actions(env)):
        env.step(action)
        broken = [name for name, tensor in _results(env).items() if not bool(tensor.isfinite().all())]
        if broken:
            return _broken(rule, f"not finite in step {step}: {_blame(env, broken)}")
    unstable = env.episode_metrics()["unstable"]
    if unstable:
        return _broken(
            rule,
            f"the simulation diverged {unstable:.0f} times; lower sim.physics_dt or the gains, or raise sim.max_speed",
        )
    return _kept(rule)


def _terms_sum_to_reward(env: VecEnv) -> CheckResult:
    rule = "reward terms sum to the reward"
    is_own = env.task.has_own_total
    env.reset()
    worst = 0.0
    for action in _actions(env):
        env.step(action)
        difference = (env.program.weighted_terms.sum(-1) - env.reward).abs()
        regular = ~env.terminated if is_own else torch.ones_like(env.terminated)
        worst = max(worst, float(torch.where(regular, difference, 0.0).max()))
    if worst > 1e-4 and not is_own:
        return _broken(rule, f"they are off by up to {worst:.2g}")
    if is_own:
        same = (
            "equal where nothing terminates" if worst <= 1e-4 else f"off by up to {worst:.2g} where nothing terminates"
        )
        return _kept(rule, f"total_reward is the task's own; {same}")
    return _kept(rule)


def _terms_only_read(env: VecEnv) -> CheckResult:
    rule = "terms only read the state"
    env.reset()
    for action in _actions(env, steps=1):
        env.step(action)
    task = env.task
    for kind in _READERS:
        for name in task.chosen[kind]:
            task.forget()
            read = _state(env) | _values_of_others(task, kind, name)
            _disturb(_state(env))
            before = {what: tensor.clone() for what, tensor in read.items()}
            task.term(kind, name)()
            written = _differences(read, before)
            if written:
                return _broken(rule, f"{name} writes to {', '.join(written)}; change a clone of it")
    return _kept(rule)


def _resets_masked_rows_only(env: VecEnv) -> CheckResult:
    rule = "a reset touches only its environments"
    env.reset()
    for action in _actions(env, steps=10):
        env.step(action)
    mask = torch.arange(env.num_envs, device=env.device) % 2 == 0
    _disturb(_row_state(env))
    before = {name: value.clone() for name, value in _row_state(env).items()}

    def touched() -> str:
        rows = {name: value[~mask] for name, value in _row_state(env).items()}
        return ", ".join(_differences(rows, {name: value[~mask] for name, value in before.items()}))

    env.task.mask.copy_(mask)
    changing = [(kind, name) for kind in ("start", "reset", "interval", "curriculum") for name in env.task.chosen[kind]]
    for kind, name in changing:  # each by itself, before the CPU's engine drops what it wrote to other rows
        env.task.term(kind, name)()
        env.task.forget()
        if also := touched():
            return _broken(rule, f"{name} also changed {also}; use set_joints, write, …")
    env.program.restart(mask)
    if also := touched():
        return _broken(rule, f"it also changed {also}; use set_joints, write, …")
    return _kept(rule)


def _repeats(first: VecEnv, second: VecEnv) -> CheckResult:
    rule = "the same seed gives the same run"
    first.reset()
    second.reset()
    for step, action in enumerate(_actions(first)):
        first.step(action)
        second.step(action)
        different = _differences(_results(first), _results(second))
        if different:
            return _broken(rule, f"from step {step} on: {', '.join(different)}; draw with self.uniform")
    return _kept(rule)


def _goes_on_after_restore(env: VecEnv) -> CheckResult:
    rule = "a restored state goes on the same way"
    env.reset()
    actions = list(_actions(env))
    for action in actions[: _STEPS // 2]:
        env.step(action)
    state = env.state_dict()
    runs: list[list[dict[str, Tensor]]] = []
    for _ in range(2):
        env.load_state_dict(state)
        steps: list[dict[str, Tensor]] = []
        for action in actions[_STEPS // 2 :]:
            env.step(action)
            steps.append({name: tensor.clone() for name, tensor in _results(env).items()})
        runs.append(steps)
    for step, (one, other) in enumerate(zip(*runs, strict=True)):
        different = _differences(one, other)
        if different:
            names = ", ".join(different)
            return _broken(rule, f"differs after {step} steps: {names}; keep state in self.buffer")
    return _kept(rule)


def _kept(rule: str, detail: str = "") -> CheckResult:
    return CheckResult(name=rule, ok=True, detail=detail)


def _broken(rule: str, detail: str) -> CheckResult:
    return CheckResult(name=rule, ok=False, detail=detail)


# What the rules look at.


def _observations(env: VecEnv) -> dict[str, Tensor]:
    return {f"observation group {group}": value for group, value in {**env.obs, **env.last_obs}.items()}


def _results(env: VecEnv) -> dict[str, Tensor]:
    flags = {"terminated": env.terminated, "truncated": env.truncated}
    return {**_observations(env), "reward": env.reward, **flags}


def _describe_buffers(env: VecEnv) -> dict[str, Any]:
    buffers = {**_results(env), **{f"buffer {name}": value for name, value in env.task.buffers.items()}}
    return {name: (tensor.data_ptr(), tensor.shape, tensor.dtype) for name, tensor in buffers.items()}


def _state(env: VecEnv) -> dict[str, Tensor]:
    task = env.task
    fields = {name: env.simulator.field(name) for name in ("qpos", "qvel", "ctrl")}
    return fields | {"action": task.action, "previous_action": task.previous_action, "episode_step": task.episode_step}


def _disturb(state: Mapping[str, Tensor]) -> None:
    """Move numbers a little: what has been overwritten in every step so far would show no change otherwise."""
    for value in state.values():
        if value.is_floating_point():
            value.add_(0.01)


def _row_state(env: VecEnv) -> dict[str, Tensor]:
    model = {f"model field {name}": env.simulator.model_field(name) for name in env.simulator.varied}
    return {**_state(env), **model, **env.task.buffers}


def _values_of_others(task: Task, kind: str, name: str) -> dict[str, Tensor]:
    """What all terms but one give, less those that hand out a buffer of the task's own, which a term may write."""
    others = [(of, other) for of in _READERS for other in task.chosen[of] if (of, other) != (kind, name)]
    values = {f"the value of {other}": task.term(of, other)() for of, other in others}
    own = {buffer.untyped_storage().data_ptr() for buffer in task.buffers.values()}
    return {what: value for what, value in values.items() if value.untyped_storage().data_ptr() not in own}


def _differences(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    return [
        name for name, value in one.items() if not torch.allclose(value, other[name], rtol=0, atol=0, equal_nan=True)
    ]


def _blame(env: VecEnv, broken: list[str]) -> str:
    """The terms within the broken reward and groups that are not finite, else the names themselves."""
    rewards = zip(env.task.chosen["reward"], env.program.weighted_terms.unbind(-1), strict=True)
    blamed = [f"reward {name}" for name, value in rewards if not bool(value.isfinite().all())]
    broken = [name for name in broken if name != "reward" or not blamed]
    blamed += env.program.broken_observations({**env.obs, **env.last_obs})
    return ", ".join(blamed + [name for name in broken if not name.startswith("observation")])


# Host decisions.

_REFUSED = {
    "aten::_local_scalar_dense": "reads a tensor's value on the host (.item(), float(tensor), if tensor:)",
    "aten::nonzero": "makes a tensor whose size depends on values (nonzero, tensor[mask])",
    "aten::masked_select": "makes a tensor whose size depends on values (masked_select)",
    "aten::unique_dim": "makes a tensor whose size depends on values (unique)",
    "aten::_unique2": "makes a tensor whose size depends on values (unique)",
}
_INDEXED = ("aten::index", "aten::index_put_", "aten::index_put")


class _Watch(TorchDispatchMode):
    """Raises where an operation needs the host to decide something."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition(".")[0]
        reason = _REFUSED.get(name)
        if name in _INDEXED and any(t is not None and t.dtype == torch.bool for t in args[1]):
            reason = "indexes with a mask, which waits for its size (use torch.where)"
        if reason is not None:
            raise HostDecisionError(f"{_culprit()} {reason}")
        return func(*args, **(kwargs or {}))


_COPIED = {
    Tensor.numpy: "copies a tensor to the host (.numpy())",
    Tensor.__array__: "copies a tensor to the host (numpy)",
    Tensor.tolist: "copies a tensor to the host (.tolist())",
    Tensor.cpu: "copies a tensor to the host (.cpu())",
}
_MAKERS = (torch.tensor, torch.as_tensor, torch.from_numpy)


class _WatchPython(TorchFunctionMode):
    """Raises where a task's code passes values between host and device, which on the CPU is no operation at all."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        reason = _COPIED.get(func)
        if func in _MAKERS and _is_copied(*args, **kwargs):
            reason = "copies numbers to the device; make the tensor in setup"
        if reason is not None and _is_of_a_task():
            raise HostDecisionError(f"{_culprit()} {reason}")
        return func(*args, **kwargs)


def _is_copied(data: Any, *_: Any, device: Any = None, **__: Any) -> bool:
    """Whether a tensor made of `data` has to be sent to a GPU; a single number without a device stays on the host."""
    return not isinstance(data, Tensor) and (device is not None or not isinstance(data, (int, float)))


def _is_of_a_task() -> bool:
    """Whether a task's code is at work, if through one of igx's functions for it, and no engine."""
    frame = next(frame for frame in reversed(traceback.extract_stack()) if not _is_machinery(frame.filename))
    return _is_a_term(frame.filename) or not frame.filename.startswith(_IGX)


def _is_machinery(file: str) -> bool:
    return file.startswith((_TORCH, "<")) or file in (__file__, f"{_IGX}/task/task.py")


def _is_a_term(file: str) -> bool:
    return file.startswith((f"{_IGX}/terms", f"{_IGX}/tasks"))


def _culprit() -> str:
    """The innermost frame that is neither torch's nor igx's machinery: the task's own line."""
    for frame in reversed(traceback.extract_stack()):
        if _is_a_term(frame.filename) or not frame.filename.startswith((_TORCH, _IGX, "<")):
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: `{line}`"
    return "igx itself"
