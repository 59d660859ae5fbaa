"""YAML as igx reads and writes it: `3e-4` is a number, `off` is text, a key may stand only once."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml
from yaml.composer import ComposerError

from igx.errors import ConfigError

Place: TypeAlias = tuple[str, ...]
"""Where a setting is: the names that lead to it, such as `("ppo", "lr")`."""

_SCALARS = (  # as YAML 1.2 has them; PyYAML's are those of 1.1, where 3e-4 is text, off is false and 1:30 is 90
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    (
        "float",
        (
            r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        list("-+0123456789."),
    ),
)
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "null", "bool", "int", "float")}


class _Loader(yaml.SafeLoader):
    """Reads plain YAML: no aliases, no tags, nothing but mappings, lists and scalars."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own table, filled below)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = cast("Any", self).peek_event().start_mark  # Any: PyYAML's events have no types
            raise ComposerError(None, None, "aliases (*name) have no place in settings", mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers and names on one line, and quotes text that any reader could take for something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_list(self, data: Iterable[object]) -> yaml.SequenceNode:
        flat = not any(isinstance(item, (list, dict)) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)

    def represent_other(self, data: object) -> yaml.Node:
        return self.represent_str(str(data))


for _tag, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
        )
_Dumper.add_representer(list, _Dumper.represent_list)
_Dumper.add_multi_representer(object, _Dumper.represent_other)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file of settings: its values, and the line on which each of them starts."""

    values: dict[str, object]
    lines: dict[Place, int]


def parse_value(text: str) -> object:
    """The value that `text` stands for in YAML.

    Raises:
        ConfigError: `text` is not YAML; the message says why.
    """
    try:
        return _parse(text, {})
    except yaml.YAMLError as error:
        raise ConfigError(f"{inline(text)} is not a YAML value: {_reason(error)}.") from error


def read_document(path: Path, *, label: str) -> Document:
    """The settings in the file at `path`; `label` names it in messages.

    Raises:
        ConfigError: there is no such file, or it is not a YAML mapping in UTF-8; the message says where.
    """
    text = _read_text(path, label=label)
    lines: dict[Place, int] = {}
    try:
        values = _parse(text, lines)
    except yaml.YAMLError as error:
        raise ConfigError(f"{label}{_position(error)}: {_reason(error)}.") from error
    if values is None:
        raise ConfigError(f"{label} is empty; it must be a mapping of sections, such as 'ppo: {{lr: 3e-4}}'.")
    if not isinstance(values, dict):
        raise ConfigError(f"{label} holds no mapping of sections; it must, such as 'ppo: {{lr: 3e-4}}'.")
    return Document(values=cast("dict[str, object]", values), lines=lines)


def read_sections(path: Path, names: Iterable[str], *, label: str) -> dict[str, object]:
    """Only the sections `names` of the file at `path`, in a fraction of the time that all of it takes.

    A section is taken for the lines from its name to the next line that is not indented, as `dump_yaml` writes it.

    Raises:
        ConfigError: as `read_document`, or there is no such section.
    """
    text = _read_text(path, label=label)
    found: dict[str, object] = {}
    for name in names:
        lines = re.search(rf"^{re.escape(name)}:.*\n?(?:[ \t].*\n?|\n)*", text, re.MULTILINE)
        try:
            section = _parse(lines.group(), {}) if lines else None
        except yaml.YAMLError as error:
            raise ConfigError(f"{label}, section {name}: {_reason(error)}.") from error
        if not isinstance(section, dict):
            raise ConfigError(f"{label} holds no section {name}.")
        found |= cast("dict[str, object]", section)
    return found


def dump_yaml(values: Mapping[str, object]) -> str:
    """`values` as YAML that reads back as the same values."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def inline(value: object, *, limit: int = 80) -> str:
    """`value` on one line as one would write it in YAML, text in quotes; at most about `limit` characters."""
    if isinstance(value, str):
        text = repr(value)
    else:
        text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=sys.maxsize, sort_keys=False)
        text = text.removesuffix("...\n").strip()
    return text if len(text) <= limit else f"{text[:limit]}…"


def _read_text(path: Path, *, label: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{label} does not exist.") from None
    except IsADirectoryError:
        inside = path / "config.yaml"
        hint = f" Did you mean '{inside}'?" if inside.is_file() else ""
        raise ConfigError(f"{label} is a folder, not a file.{hint}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{label} is not UTF-8 text: byte {error.start} is 0x{error.object[error.start]:02x}."
        ) from None
    except OSError as error:
        raise ConfigError(f"{label} can't be read: {error.strerror}.") from error


def _parse(text: str, lines: dict[Place, int]) -> object:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _construct(node, (), lines)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None


def _construct(node: yaml.Node, place: Place, lines: dict[Place, int]) -> object:
    """The value of `node`; where each setting stands is noted in `lines`."""
    if node.tag not in _TAGS:
        raise ComposerError(None, None, f"the tag {node.tag} has no place in settings", node.start_mark)
    match node:
        case yaml.MappingNode():
            return _construct_mapping(node, place, lines)
        case yaml.SequenceNode(value=items):
            return [_construct(item, place, {}) for item in items]
        case _:
            return cast("object", _Loader("").construct_object(node))  # pyright: ignore[reportUnknownMemberType]


def _construct_mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise ComposerError(None, None, "a key must be a name", key_node.start_mark)
        if key in values:
            raise ComposerError(None, None, f"{key!r} stands here a second time", key_node.start_mark)
        values[key] = _construct(value_node, (*place, key), lines)
        lines[*place, key] = key_node.start_mark.line + 1
    return values


def _position(error: yaml.YAMLError) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        return " ".join(part for part in (error.problem, error.context) if part)
    return " ".join(str(error).split())
