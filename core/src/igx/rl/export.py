"""Exports a trained policy: one file that maps observations to controls, and policy.json that says how to run it.

What is written is run again from the files, beside the policy as torch plays it, before it takes its place.
"""

import contextlib
import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igx.config.run_config import RunConfig
from igx.env import make_env
from igx.env.vec_env import VecEnv
from igx.errors import RunError, RunFailure
from igx.plugins import Plugins, load_plugins
from igx.rl import export_manifest
from igx.rl.bundle import MANIFEST, Bundle, sha256
from igx.rl.export_formats import FORMATS, Array, Format, format_of, trace
from igx.rl.exported import LAST_CONTROLS, ExportedPolicy, clipped
from igx.rl.policy import Policy, load_player, load_policy
from igx.rl.run_folder import RunFolder

OPSET = 17
"""ONNX operator set: the first with layer normalisation as one operator, which runtimes of 2022 read already."""

TOLERANCE = 1e-5
CHECKED_STEPS, CHECKED_ENVS = 50, 64
_WIDE = 3.0  # standard deviation of the random observations that are tried


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        errors: file → its `largest_error`.
        manifest: what policy.json says.
    """

    folder: Path
    errors: dict[str, float]
    manifest: dict[str, Any]


def export(
    checkpoint: Path,
    run: RunFolder,
    config: RunConfig,
    *,
    formats: Sequence[str] = ("onnx",),
    to: Path | None = None,
    opset: int = OPSET,
    tolerance: float = TOLERANCE,
    plugins: Plugins | None = None,
) -> Exported:
    """Export the policy in `checkpoint`, and make sure that what was written does what it does.

    Args:
        checkpoint: the file.
        run: the folder of its run.
        config: the run's settings, with an engine of the CPU; as many environments as rows are checked.
        formats: names of `igx.rl.export_formats.FORMATS`.
        to: where to write; by default `export/` in the run's folder.
        opset: operator set of ONNX.
        tolerance: largest difference from torch that is let pass.
        plugins: where agents and networks come from.

    Raises:
        ConfigError: a format is unknown, or takes a package that isn't installed.
        CheckpointError: the checkpoint is missing, damaged, or of another network.
        RunError: the folder can't be written.
        RunFailure: what was written differs from the policy by more than `tolerance`.
    """
    plugins, chosen = plugins or load_plugins(), [format_of(name) for name in dict.fromkeys(formats)]
    target = to or run.path / "export"
    env = make_env(_undisturbed(config), plugins=plugins)
    try:
        policy = ExportedPolicy(load_player(checkpoint, config, env, plugins=plugins), env)
        reference = load_policy(checkpoint, config, env, plugins=plugins)
        manifest = {
            **export_manifest.describe(config, env, policy.signature),
            **export_manifest.origin(checkpoint, run),
        }
        with _kept_if_whole(target) as folder:
            manifest["files"] = _write(policy, chosen, folder, opset=opset)
            _write_manifest(manifest, folder)
            errors = {known.file: largest_error(Bundle(folder, known.name), reference, env) for known in chosen}
            _refuse_above(tolerance, errors)
            for file, error in errors.items():
                manifest["files"][file]["largest_error"] = error
            _write_manifest(manifest, folder)
    finally:
        env.close()
    return Exported(folder=target, errors=errors, manifest=manifest)


def largest_error(bundle: Bundle, policy: Policy, env: VecEnv) -> float:
    """Largest difference between an exported policy and torch's, as a share of its column's largest value if above 1.

    Over `CHECKED_STEPS` steps each: of actions and of controls while the policy acts in `env`, and of actions for
    random observations, in all rows together and in one alone. What is fed back is each one's own.
    """
    return float(np.max([*_errors_acting(env, bundle, policy), *_errors_at_random(env, bundle, policy)]))


def _errors_acting(env: VecEnv, bundle: Bundle, policy: Policy) -> tuple[float, float]:
    """Of actions and of controls, where episodes go on; the others' are gone already when a step is over."""
    actions, controls = _Difference(env.num_actions), _Difference(env.num_actions)
    obs = env.reset()
    policy.restart()
    bundle.restart(rows=env.num_envs)
    for _ in range(CHECKED_STEPS):
        if LAST_CONTROLS in bundle.fed_back:  # those that an episode begins with follow from the joints' positions
            bundle.fed_back[LAST_CONTROLS] = _controls(env).numpy()
        told = bundle(obs["policy"].numpy())
        obs, *_ = env.step(policy(obs))
        ended = (env.terminated | env.truncated).numpy()
        bundle.forget(ended)
        actions.add(told["actions"][~ended], env.task.action.numpy()[~ended])
        controls.add(told["controls"][~ended], _controls(env).numpy()[~ended])
    return actions.share(), controls.share()


def _errors_at_random(env: VecEnv, bundle: Bundle, policy: Policy) -> tuple[float, ...]:
    """Of actions for observations of a wider range than most tasks show; then the same for one row alone."""
    random = torch.Generator().manual_seed(0)
    width, limits = env.observation_widths["policy"], env.task.config
    shown = _WIDE * torch.randn(CHECKED_STEPS, env.num_envs, width, generator=random)
    env.reset()
    policy.restart()
    seen = clipped(shown, limits.clip_observations)
    expected = [clipped(policy({"policy": obs}), limits.clip_actions) for obs in seen]
    errors: list[float] = []
    for rows in (env.num_envs, 1):
        bundle.restart(rows=rows)
        difference = _Difference(env.num_actions)
        for obs, actions in zip(shown, expected, strict=True):
            difference.add(bundle(obs[:rows].numpy())["actions"], actions[:rows].numpy())
        errors.append(difference.share())
    return tuple(errors)


class _Difference:
    """How far two series of arrays `[rows, columns]` are apart."""

    def __init__(self, columns: int) -> None:
        self._apart, self._size = np.zeros(columns), np.ones(columns)

    def add(self, ours: Array, theirs: Array) -> None:
        self._apart = np.maximum(self._apart, np.abs(ours - theirs).max(axis=0, initial=0.0))
        self._size = np.maximum(self._size, np.abs(theirs).max(axis=0, initial=0.0))

    def share(self) -> float:
        """The largest difference, as a share of its column's largest value if that is above 1; NaN if any was."""
        return float(np.max(self._apart / self._size))


def _controls(env: VecEnv) -> Tensor:
    return torch.cat([live.target for live in env.task.actuators.values()], dim=1)


def _undisturbed(config: RunConfig) -> RunConfig:
    """`config` with actions that reach the actuators as they are, so that controls can be compared."""
    return config.model_copy(
        update={"task": config.task.model_copy(update={"action_noise": None, "action_delay": (0, 0)})}
    )


def _write(policy: ExportedPolicy, formats: Sequence[Format], folder: Path, *, opset: int) -> dict[str, dict[str, Any]]:
    """Write the policy in each format, and say of each file what there is to know."""
    traced = trace(policy)
    files: dict[str, dict[str, Any]] = {}
    for known in formats:
        path = folder / known.file
        known.write(traced, policy.signature, path, opset=opset)
        files[known.file] = {"format": known.name, **known.describe(path), "sha256": sha256(path)}
    return files


def _write_manifest(manifest: dict[str, Any], folder: Path) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _refuse_above(tolerance: float, errors: Mapping[str, float]) -> None:
    for file, error in errors.items():
        if not error <= tolerance:  # nor is what is no number
            raise RunFailure(
                f"The exported {file} differs from the policy by {error:.1e}, more than {tolerance:.1e}; "
                "nothing was written. --tolerance lets more pass."
            )


@contextmanager
def _kept_if_whole(target: Path) -> Generator[Path]:
    """A folder to write in, whose files take the place of an earlier export's in `target` if nothing goes wrong."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".part-") as name:
            yield Path(name)
            earlier = _policies_in(target)
            for path in sorted(Path(name).iterdir()):
                path.replace(target / path.name)
                earlier.discard(path.name)
            for former in earlier:
                (target / former).unlink()
    except OSError as error:
        raise RunError(
            f"The policy can't be written to {target}: {error.strerror or error}. Choose another folder with -o."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it may hold other files, or not be there
            target.rmdir()


def _policies_in(folder: Path) -> set[str]:
    """Names of the policies that an export wrote into a folder."""
    if not (folder / MANIFEST).exists():
        return set()
    return {known.file for known in FORMATS.values() if (folder / known.file).exists()}
