"""Finds a task's presets, YAML files of differences in `<package>/presets/`, without importing the package."""

from importlib.util import find_spec
from pathlib import Path

from igx.config.overrides import Said, say_document
from igx.config.yaml_text import read_document
from igx.errors import ConfigError, suggest
from igx.plugins import TaskSpec


def preset_names(spec: TaskSpec) -> tuple[str, ...]:
    """Names of the presets of a task, sorted: those of its files `<stem>.<name>.yaml`."""
    return tuple(name for name in sorted(_files(spec)) if name)


def read_preset(spec: TaskSpec, name: str | None = None) -> Said | None:
    """What a preset says: the one called `name`, or the task's own base, which always holds; None if it has no base.

    Raises:
        ConfigError: there is no preset `name`, or its file is malformed or decides what is not a preset's to decide.
    """
    file = _files(spec).get(name or "")
    if file is None and name is None:
        return None
    if file is None:
        known = preset_names(spec)
        hint = suggest(name or "", known) if known else " It has none."
        raise ConfigError(f"Task {spec.name!r} has no preset {name!r}.{hint}")
    label = f"preset {file.stem}"
    preset = say_document(read_document(file, label=f"{label} ({file})"), label=label)
    for setting in ("task", "presets"):
        if preset.get("run", setting) is not None:
            raise ConfigError(f"{label} sets run.{setting}, which is not for a preset to decide ({file}).")
    return preset


def _files(spec: TaskSpec) -> dict[str, Path]:
    """Files of the presets by name; the base is called ''."""
    package = find_spec(spec.package)
    folders = [Path(place) / "presets" for place in (package and package.submodule_search_locations) or ()]
    files = [file for folder in folders for file in folder.glob(f"{spec.preset}*.yaml")]
    return {name: file for file in files if (name := _name(file, spec.preset)) is not None}


def _name(file: Path, stem: str) -> str | None:
    """The preset that `file` holds for tasks with this stem: 'gpu' for `ant.gpu.yaml`; None if it is another task's."""
    owner, _, name = file.stem.partition(".")
    return name if owner == stem else None
