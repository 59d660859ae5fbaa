"""The task, options and settings that every command on a run takes; the order in which settings stand counts."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from igx.cli import params, render
from igx.config.compose import Composed, compose
from igx.config.isaac import translate
from igx.config.overrides import Assignment
from igx.config.sections import DEFAULT_TRACKERS, RunSettings, SimConfig
from igx.config.yaml_text import parse_value
from igx.plugins import load_plugins


@dataclass(frozen=True, kw_only=True)
class _Flag:
    """An option that is short for one setting; it may stand several times, and the last one wins."""

    option: str
    path: str
    type: "click.ParamType[Any]"
    is_text: bool = True
    is_switch: bool = False

    @property
    def name(self) -> str:
        """The parameter that click makes of it."""
        return self.option.removeprefix("--").replace("-", "_")

    def as_option(self) -> click.Option:
        section, _, field = self.path.partition(".")
        described = {"sim": SimConfig, "run": RunSettings}[section].model_fields[field].description
        if self.is_switch:
            return click.Option([self.option], count=True, help=described)
        return click.Option([self.option], type=self.type, multiple=True, help=described)

    def assignments(self, given: Sequence[str] | int) -> list[Assignment]:
        """What each time that it stands there says, of what click hands over for all of them."""
        texts = ["true"] * given if isinstance(given, int) else given
        return [Assignment(self.path, text if self.is_text else parse_value(text), self.option) for text in texts]


class _TrackFlag(_Flag):
    """`--track`, which adds up: to what is tracked anyway, or to nothing from `none` on."""

    def as_option(self) -> click.Option:
        return click.Option([self.option], type=self.type, multiple=True, help=_TRACK_HELP)

    def assignments(self, given: Sequence[str] | int) -> list[Assignment]:
        texts = [] if isinstance(given, int) else given
        chosen, results = list(DEFAULT_TRACKERS), list[Assignment]()
        for text in texts:
            chosen = [] if text == _NO_TRACKER else [*(name for name in chosen if name != text), text]
            results.append(Assignment(self.path, chosen, self.option))
        return results


_NO_TRACKER = "none"
_TRACK_HELP = (
    f"Track the run with this besides {', '.join(DEFAULT_TRACKERS)}, e.g. wandb, mlflow or csv. Repeatable; "
    f"'{_NO_TRACKER}' leaves out all that comes before it."
)

_NUMBER = params.Name("number", lambda _: ())
_FOLDER, _FILE = click.Path(file_okay=False), click.Path()
_FLAGS = (
    _Flag(option="--num-envs", path="sim.num_envs", type=_NUMBER, is_text=False),
    _Flag(option="--device", path="sim.device", type=params.DEVICE),
    _Flag(option="--simulator", path="sim.simulator", type=params.SIMULATOR),
    _Flag(option="--agent", path="run.agent", type=params.AGENT),
    _Flag(option="--max-epochs", path="run.max_epochs", type=_NUMBER, is_text=False),
    _Flag(option="--seed", path="run.seed", type=_NUMBER, is_text=False),
    _Flag(option="--name", path="run.name", type=click.STRING),
    _Flag(option="--runs-dir", path="run.runs_dir", type=_FOLDER),
    _Flag(option="--checkpoint", path="run.checkpoint", type=_FILE),
    _TrackFlag(option="--track", path="run.track", type=params.TRACKER),
    _Flag(option="--capture-video", path="run.capture_video", type=click.BOOL, is_text=False, is_switch=True),
)


_ELSEWHERE = {
    "--task": "the task stands by itself, e.g. `igx train ant`",
    "--headless": "igx always runs so; leave it out",
    "--max_iterations": "say --max-epochs",
    "--video": "--capture-video records while training, `igx video RUN` films a trained policy",
    "--video_interval": "say run.video_every=EPOCHS or run.video_every_steps=STEPS",
    "--video_length": "say run.video_steps=STEPS",
    "--resume": "say --checkpoint FILE, which starts a new run from the weights in a file",
    "--distributed": "igx trains on one GPU so far",
}
"""Options of Isaac Lab's train.py that igx has not, or calls otherwise, and what to do about it."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The settings that a command line asks for.

    Attributes:
        task: the task, if it is named by itself.
        presets: `--preset`, in order.
        config_file: `--config`.
        overrides: flags, `--override` and bare settings, in order.
    """

    task: str | None
    presets: tuple[str, ...]
    config_file: Path | None
    overrides: tuple[Assignment, ...]

    def compose(self, *, for_training: bool = True, before: Sequence[Assignment] = ()) -> Composed:
        """The settings that result.

        Args:
            for_training: whether an agent is going to use them; otherwise its settings need not fit the others.
            before: settings of the command's own, which what the user says overrides.

        Raises:
            IgxError: something in them is wrong; see `igx.config.compose.compose`.
        """
        return compose(
            plugins=load_plugins(),
            task=self.task,
            presets=self.presets,
            config_file=self.config_file,
            overrides=(*before, *self.overrides),
            cuda_available=_cuda_available,
            for_training=for_training,
        )


class RunCommand(click.Command):
    """A command on the settings of a run, which its function is handed as `request`, a `RunRequest`.

    ::

        @click.command("train", cls=RunCommand)
        def command(*, request: RunRequest) -> None: ...
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._run_params = _run_params()
        self.params = [*self._run_params, *self.params]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; a bare `a.b=value` counts as an override in its place."""
        args = list(self._with_bare_settings_as_options(args))
        try:
            _, extra, order = self.make_parser(ctx).parse_args(list(args))
        except click.NoSuchOption as error:
            raise click.UsageError(self._advise(error.option_name), ctx) from error
        _refuse_broken_settings(extra, ctx)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            given = {name: ctx.params.pop(name) for param in self._run_params if (name := param.name)}
            ctx.params["request"] = _request(given, [param.name or "" for param in order])
        return rest

    def _advise(self, option: str) -> str:
        """What to write instead of an option that isn't there."""
        known = {spelling for param in self.params for spelling in param.opts}
        if option in _ELSEWHERE:
            return f"No such option {option!r}: {_ELSEWHERE[option]}."
        near = difflib.get_close_matches(option.replace("_", "-"), known, n=1, cutoff=0.7)
        meant = f" Did you mean {near[0]!r}?" if near else " A setting is written without dashes, e.g. ppo.lr=3e-4."
        return f"No such option {option!r}.{meant}"

    def _with_bare_settings_as_options(self, args: Iterable[str]) -> Iterator[str]:
        options = [param for param in self.params if _needs_value(param)]
        need_value = {spelling for option in options for spelling in option.opts}
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                yield from (arg, *rest)
            elif arg in need_value:
                yield from (arg, *(value for value in [next(rest, None)] if value is not None))
            elif "=" in arg and not arg.startswith("-"):
                yield from ("--override", arg)
            else:
                yield arg


def _needs_value(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not (param.is_flag or param.count)


def _refuse_broken_settings(extra: Sequence[str], ctx: click.Context) -> None:
    """Explain arguments too many that look like a setting."""
    for argument in extra:
        if argument.startswith("~"):
            name = argument.lstrip("~").partition("=")[0]
            off = f"{name}={0 if '.rewards.' in name else 'false'}"
            raise click.UsageError(f"{argument}: nothing can be deleted; a term is switched off by {off}.", ctx)
        if "." in argument.strip("."):
            raise click.UsageError(f"{argument!r} is no setting; write name=value without spaces.", ctx)


def _run_params() -> list[click.Parameter]:
    config = click.Path(path_type=Path)
    return [
        click.Argument(["task"], type=params.TASK, required=False),
        click.Option(
            ["--preset", "presets"],
            type=params.PRESET,
            multiple=True,
            help="Apply this preset of the task, instead of the one that suits the device. Repeatable.",
        ),
        click.Option(["--config"], type=config, help="Take settings from this file, such as a run's config.yaml."),
        click.Option(
            ["-o", "--override", "overrides"],
            metavar="SECTION.NAME=VALUE",
            multiple=True,
            help="Set anything, e.g. ppo.lr=3e-4; also without -o. Repeatable, the last one wins.",
        ),
        *(flag.as_option() for flag in _FLAGS),
    ]


def _request(given: dict[str, Any], order: Iterable[str]) -> RunRequest:
    """Put what was given to the parameters of a run in the order in which the parameters stood."""
    flags = {flag.name: flag for flag in _FLAGS}
    said_by = {name: iter(flag.assignments(given[name])) for name, flag in flags.items()}
    translations = iter(translate(given["overrides"]))
    overrides: list[Assignment] = []
    for name in order:
        if name in flags:
            overrides.append(next(said_by[name]))
        elif name == "overrides":
            translation = next(translations)
            if translation.note:
                render.message("warning", translation.note)
            if translation.setting:
                overrides.append(translation.setting)
    return RunRequest(
        task=given["task"], presets=given["presets"], config_file=given["config"], overrides=tuple(overrides)
    )


def _cuda_available() -> bool:
    import torch

    return torch.cuda.is_available()
