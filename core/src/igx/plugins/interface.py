"""Whether a plugin keeps to the interface: its version, its hooks' names, marks and arguments, and what they yield."""

import inspect
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, TypeVar, cast

import pluggy

from igx.errors import InvalidSpecError, suggest
from igx.plugins.hookspecs import PROJECT, IgxSpecs
from igx.plugins.specs import API_VERSION, Spec

S = TypeVar("S", bound=Spec)

HOOKS = {name: hook for name, hook in vars(IgxSpecs).items() if name.startswith("igx_")}
"""Every hook of igx by name, in the order of `IgxSpecs`."""

_MARK = f"{PROJECT}_impl"  # the attribute in which pluggy's marker leaves its options


def import_plugin(entry: EntryPoint) -> object:
    """Import the plugin that `entry` names, a module or an object in one, and refuse it if it is not sound.

    Raises:
        InvalidSpecError: it was made for another version of the interface, or its hooks are wrong.
        BaseException: whatever its import raises.
    """
    module = import_module(entry.module)
    _check_version(getattr(module, "IGX_API", None))
    plugin = entry.load()
    hooks = dict(_hooks_in(plugin))
    if not hooks:
        raise InvalidSpecError("It has no hook: a function such as igx_tasks(), marked with @hookimpl.")
    for name, function in hooks.items():
        _check_hook(name, function)
    return plugin


def offered(manager: pluggy.PluginManager, hook: str, spec_type: type[S]) -> list[S]:
    """Call `hook` of the plugins in `manager` and return the specs that they yield.

    Raises:
        InvalidSpecError: something else than a `spec_type` was yielded.
        BaseException: whatever the hook raises.
    """
    found: list[S] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        specs: object = implementation.function()
        if not isinstance(specs, Iterable):
            raise _wrong_yield(hook, "returned", specs, spec_type)
        for spec in cast("Iterable[object]", specs):
            if not isinstance(spec, spec_type):
                raise _wrong_yield(hook, "yielded", spec, spec_type)
            found.append(spec)
    return found


def _check_version(version: object) -> None:
    if version is None:
        raise InvalidSpecError(f"Its module lacks IGX_API = {API_VERSION}, the plugin interface it was written for.")
    if version != API_VERSION:
        raise InvalidSpecError(
            f"It was written for plugin interface {version!r}; this igx has {API_VERSION}. Install a version of it "
            "that fits this igx, or an igx that fits it."
        )


def _hooks_in(plugin: object) -> Iterator[tuple[str, Any]]:
    """What claims to be a hook in `plugin`: whatever is marked, is called like a hook, or is an `igx_` function."""
    for name in dir(plugin):
        value = getattr(plugin, name)
        is_named_so = name in HOOKS or (name.startswith("igx_") and callable(value))
        if is_named_so or getattr(value, _MARK, None) is not None:
            yield name, value


def _check_hook(name: str, function: Any) -> None:
    options: dict[str, Any] | None = getattr(function, _MARK, None)
    hook = str((options or {}).get("specname") or name)
    if hook not in HOOKS:
        raise InvalidSpecError(f"{hook}() is no igx hook.{suggest(hook, HOOKS)}")
    if options is None:
        raise InvalidSpecError(f"{name} must be a function marked with @hookimpl.")
    if options["wrapper"] or options["hookwrapper"]:
        raise InvalidSpecError(f"{name}() is a hook wrapper; igx calls each plugin on its own, so it can wrap nothing.")
    known = list(inspect.signature(HOOKS[hook]).parameters)[1:]
    for argument in inspect.signature(function).parameters:
        if argument not in known:
            raise InvalidSpecError(
                f"{name}() has an argument {argument!r}; {hook} gives it {' and '.join(known) or 'none'}."
            )


def _wrong_yield(hook: str, verb: str, value: object, spec_type: type[Spec]) -> InvalidSpecError:
    return InvalidSpecError(f"{hook}() {verb} {value!r}; it must yield {spec_type.__name__} records.")
