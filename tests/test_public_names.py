"""The names that igx promises to its users: all there, nothing beside them, and each in one place."""

import importlib
import pkgutil
from collections import defaultdict
from types import ModuleType

import pytest

import igx

PUBLIC = ["igx", "igx.math", "igx.plugins", "igx.terms", "igx.testing", "igx_assets"]
LISTING = [module.name for module in pkgutil.walk_packages(igx.__path__, "igx.")]


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["igx", *LISTING])
def test_every_name_in_all_can_be_imported_and_stands_there_once(name: str) -> None:
    promised = list(getattr(load(name), "__all__", []))
    assert [item for item in promised if not hasattr(load(name), item)] == []
    assert len(promised) == len(set(promised))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_package_holds_nothing_of_igx_that_all_does_not_name(name: str) -> None:
    package = load(name)
    ours = {item for item, value in vars(package).items() if not item.startswith("_") and made_here(value)}
    assert ours <= set(package.__all__)


def made_here(value: object) -> bool:
    """Whether a class or function comes from igx; modules and what the standard library lends do not count."""
    return str(getattr(value, "__module__", "")).partition(".")[0] in {"igx", "igx_assets"}


def test_every_public_name_has_one_place() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for package in PUBLIC:
        for item in load(package).__all__:
            places[item].append(package)
    assert {item: found for item, found in places.items() if len(found) > 1} == {}


def test_a_misspelt_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Taks"):
        _ = igx.Taks
