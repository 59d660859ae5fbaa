"""Write a page for every task, from the task itself: `python docs/write_task_pages.py [--pictures]`."""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from igx.config.compose import compose
from igx.config.presets import preset_names
from igx.config.yaml_text import inline
from igx.plugins import Plugins, TaskSpec, load_plugins
from igx.sim.offscreen import choose_renderer

FOLDER = Path(__file__).parent / "tasks"
_KINDS = {
    "observation": "What the policy sees, in this order",
    "reward": "What it is paid for",
    "termination": "What ends an episode, beside its time",
    "command": "What it is told to do",
    "start": "What is done once, when the environments are built",
    "reset": "How an episode starts",
    "interval": "What happens now and then",
    "curriculum": "How the task gets harder",
    "metric": "What is measured",
}


_SHOWN_ENVS = ("sim.num_envs=20", "run.seed=3")
_SHOWN_ENV = 9  # of rough ground it has stairs


def main() -> None:
    """Write the pages and their index."""
    choose_renderer()
    plugins = load_plugins()
    tasks = [offer.spec for offer in plugins.tasks.items()]
    FOLDER.mkdir(exist_ok=True)
    for spec in tasks:
        if "--pictures" in sys.argv:
            draw(spec, plugins)
        (FOLDER / f"{spec.name}.md").write_text(page(spec, plugins))
    (FOLDER.parent / "tasks.md").write_text(index(tasks))


def index(tasks: Sequence[TaskSpec]) -> str:
    """The list of all tasks."""
    rows = [f"| [`{spec.name}`](tasks/{spec.name}.md) | {spec.summary} | {spec.agent} |" for spec in tasks]
    lines = ["# Tasks", "", "`igx train TASK` trains one, `igx show TASK` prints it with all its settings.", ""]
    return "\n".join([*lines, "| task | what it learns | agent |", "|---|---|---|", *rows, ""])


def page(spec: TaskSpec, plugins: Plugins) -> str:
    """One task, as Markdown."""
    composed = compose(task=spec.name, plugins=plugins, cuda_available=False)
    lines = [f"# {spec.name}", "", spec.summary, ""]
    for picture, what in ((f"{spec.name}.png", "the task"), (f"{spec.name}-curve.png", "return over training")):
        if (FOLDER / picture).is_file():
            lines += [f"![{what}]({picture})", ""]
    lines += [inspect.getdoc(spec.load()) or "", "", *_training(spec), "", *_terms(composed.config, plugins)]
    return "\n".join(lines)


def _training(spec: TaskSpec) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in preset_names(spec)) or "none"
    yield f"Trained by `{spec.agent}`; presets: {names}."
    yield ""
    yield "```console"
    yield f"$ igx train {spec.name}"
    yield "```"


def _terms(config: Any, plugins: Plugins) -> Iterator[str]:
    from igx.env.make import make_env

    sim = config.sim.model_copy(update={"simulator": "static", "device": "cpu", "num_envs": 1})
    with closing(make_env(config.model_copy(update={"sim": sim}), plugins=plugins)) as env:
        infos = env.program.describe()
        lasts, step = config.task.episode_steps * env.step_dt, env.step_dt
        yield f"An episode lasts {lasts:.4g} s at most, a step {step:.4g} s; {env.num_actions} actions."
    for kind, title in _KINDS.items():
        named = [info for info in infos if info.kind == kind]
        if named:
            measures = ("width",) if kind == "observation" else ()
            columns = ("term", "", *measures, "told")
            yield from ("", f"## {title}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|")
            yield from (_row(info, *(str(getattr(info, measure)) for measure in measures)) for info in named)
    yield ""


def _row(info: Any, *measured: str) -> str:
    told = {**{name: value for name, value in info.options.items() if name in _TELLING}, **info.params}
    return f"| {' | '.join((f'`{info.name}`', info.summary, *measured, _pairs(told)))} |"


_TELLING = ("weight", "scale", "noise", "delay", "group", "every_s", "writes")
_USUAL = {"scale": 1.0, "noise": None, "delay": 0, "group": "policy", "every_s": None, "writes": (), "robot": "robot"}


def _pairs(values: Mapping[str, Any]) -> str:
    from pydantic_core import to_jsonable_python

    telling = {name: value for name, value in values.items() if _USUAL.get(name, "-") != value}
    return ", ".join(f"`{name}: {inline(to_jsonable_python(value))}`" for name, value in telling.items())


def draw(spec: TaskSpec, plugins: Plugins) -> None:
    """Write a picture of the task a second after an episode began, with actions of 0; few colours keep it small."""
    import torch
    from PIL import Image

    from igx.env.frames import take_model_values
    from igx.env.make import make_env
    from igx.video.camera import Camera

    composed = compose(task=spec.name, plugins=plugins, overrides=_SHOWN_ENVS, cuda_available=False)
    if getattr(composed.config.task, "terrain", None):
        harder = (*_SHOWN_ENVS, "task.terrain.initial_level=6")
        composed = compose(task=spec.name, plugins=plugins, overrides=harder, cuda_available=False)
    with closing(make_env(composed.config, plugins=plugins)) as env:
        env.reset()
        for _ in range(round(0.2 / env.step_dt)):
            env.step(torch.zeros(env.num_envs, env.num_actions))
        camera = Camera(env.simulator.model, width=480, height=360, azimuth=150.0, elevation=-15.0)
        with closing(camera):
            take_model_values(camera, env.simulator, _SHOWN_ENV)
            picture = camera.picture(camera.show(env.simulator.field("qpos")[_SHOWN_ENV].double().numpy()))
    Image.fromarray(picture).quantize(128, dither=Image.Dither.NONE).save(FOLDER / f"{spec.name}.png", optimize=True)


if __name__ == "__main__":
    main()
