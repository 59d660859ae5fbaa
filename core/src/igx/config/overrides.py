"""What is said of settings on a command line or in a file: `a.b=value`, a flag, a YAML document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from igx.config.yaml_text import Document, Place, parse_value
from igx.errors import ConfigError


@dataclass(frozen=True)
class Assignment:
    """One setting given a value, such as `Assignment("sim.num_envs", 64, "--num-envs")`.

    Attributes:
        path: dotted path of the setting.
        value: the value, as text from a command line or as it is.
        origin: who says so, for messages.
    """

    path: str
    value: object
    origin: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one source said of a setting, or of several at once.

    Attributes:
        origin: where it said so, such as 'config.yaml:12'.
        value: the value, as it stands in the source.
        parts: instead of a value, what was said of each setting below this one.
        before: what an earlier source said, which this one takes the place of.
    """

    origin: str
    value: object = None
    parts: "dict[str, Said] | None" = None
    before: "Said | None" = None

    def part(self, *place: str) -> "Said | None":
        """What was said of the setting at `place` below this one; None if nothing."""
        found: Said | None = self
        for name in place:
            found = found.parts.get(name) if found and found.parts else None
        return found

    def get(self, *place: str) -> object:
        """The value at `place` below this one; None if nothing was said of it."""
        found = self.part(*place)
        return found.plain() if found else None

    def plain(self) -> object:
        """All that was said, without origins."""
        return self.value if self.parts is None else {name: part.plain() for name, part in self.parts.items()}


def said(value: object, origin_of: Callable[[Place], str], place: Place = ()) -> Said:
    """`value` and all within it, each with the origin of its place."""
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, object]", value)
        parts = {name: said(part, origin_of, (*place, name)) for name, part in inner.items()}
        return Said(parts=parts, origin=origin_of(place))
    return Said(value=value, origin=origin_of(place))


def parse_override(text: str, *, origin: str = "--override") -> Assignment:
    """Read `a.b=value`, whose value is YAML.

    Raises:
        ConfigError: it has no '=', a name is missing, or the value is not YAML.
    """
    path, equals, value = text.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        raise ConfigError(f"{text!r} ({origin}) is no setting; write section.name=value, e.g. ppo.lr=3e-4.")
    try:
        return Assignment(path, parse_value(value), origin)
    except ConfigError as error:
        raise ConfigError(f"{path} ({origin}): {error}") from error


def say(setting: str | Assignment) -> Said:
    """One setting as all that is said; text is read as `parse_override` does."""
    assignment = parse_override(setting) if isinstance(setting, str) else setting
    result = said(assignment.value, lambda _: assignment.origin)
    for name in reversed(assignment.path.split(".")):
        result = Said(parts={name: result}, origin=assignment.origin)
    return result


def say_document(document: Document, *, label: str) -> Said:
    """A file as what it says, each setting with its line; empty sections and the run's name say nothing."""
    values = {section: value for section, value in document.values.items() if value is not None}
    run = values.get("run")
    if isinstance(run, dict):
        values["run"] = {name: value for name, value in cast("dict[str, object]", run).items() if name != "name"}
    return said(values, lambda place: f"{label}:{document.lines.get(place, 1)}")
