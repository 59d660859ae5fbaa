"""Finds a task's presets, YAML files of differences in `<package>/presets/`, without importing the package."""

from importlib.util import find_spec
from pathlib import Path

from igx.config.overrides import Said, say_document
from igx.config.yaml_text import read_document
from igx.errors import ConfigError, suggest
from igx.plugins import TaskSpec


def preset_names(spec: TaskSpec) -> tuple[str, ...]:
    """Names of the presets of a task, sorted: those of its files `<stem>.<name>.yaml`."""
    return tuple(sorted({name for stem in spec.stems for name in _files(spec, stem) if name}))


def read_presets(spec: TaskSpec, name: str | None = None) -> list[Said]:
    """What a preset says: the one called `name`, or the task's own base, which always holds; none if it has no base.

    A task with several stems may have a file of that name for each; what the later ones say comes later.

    Raises:
        ConfigError: there is no preset `name`, or its file is malformed or decides what is not a preset's to decide.
    """
    files = [file for stem in spec.stems if (file := _files(spec, stem).get(name or ""))]
    if not files and name is not None:
        known = preset_names(spec)
        hint = suggest(name, known) if known else " It has none."
        raise ConfigError(f"Task {spec.name!r} has no preset {name!r}.{hint}")
    return [_read(file) for file in files]


def _read(file: Path) -> Said:
    label = f"preset {file.stem}"
    preset = say_document(read_document(file, label=f"{label} ({file})"), label=label)
    for setting in ("task", "presets"):
        if preset.get("run", setting) is not None:
            raise ConfigError(f"{label} sets run.{setting}, which is not for a preset to decide ({file}).")
    return preset


def _files(spec: TaskSpec, stem: str) -> dict[str, Path]:
    """Files of a stem's presets by name; the base is called ''."""
    package = find_spec(spec.package)
    folders = [Path(place) / "presets" for place in (package and package.submodule_search_locations) or ()]
    files = [file for folder in folders for file in folder.glob("*.yaml")]
    return {name: file for file in files if (name := _name(file, stem)) is not None}


def _name(file: Path, stem: str) -> str | None:
    """The preset that `file` holds for tasks with this stem: 'gpu' for `ant.gpu.yaml`; None if it is another task's.

    A file may have the name of its task as it is, `peg-insertion.yaml`.
    """
    owner, _, name = file.stem.partition(".")
    return name if owner.replace("-", "_") == stem.replace("-", "_") else None
