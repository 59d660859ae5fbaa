"""The robot models of igx as MJCF files; finding one reads a directory and imports nothing heavy."""

from pathlib import Path

__all__ = ["names", "path"]

_ROOT = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names of all models, sorted."""
    return tuple(sorted(file.stem for file in _ROOT.glob("*/*.xml") if file.stem == file.parent.name))


def path(name: str) -> Path:
    """Return the MJCF file of the model called `name`; KeyError names the known ones if there is none."""
    if name not in names():
        raise KeyError(f"igx-assets has no model called {name!r}. It has: {', '.join(names())}.")
    return _ROOT / name / f"{name}.xml"
