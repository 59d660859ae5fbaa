"""Lays what several sources say of the settings on top of each other, and validates the sum."""

from dataclasses import replace
from typing import cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from igx.config.base import Config
from igx.config.explain import explain, unknown_setting
from igx.config.fields import allows_more, dotted, inner_model, names_of
from igx.config.overrides import Said, said
from igx.config.run_config import RunConfig
from igx.config.yaml_text import Place
from igx.errors import ConfigError

Parts = dict[str, Said]


class Settings:
    """What has been said so far of the settings of a run, and by whom."""

    def __init__(self, model: type[RunConfig]) -> None:
        self._model = model
        self._parts: Parts = {section: Said(parts={}, origin="default") for section in model.model_fields}

    def add(self, source: Said) -> None:
        """Lay what `source` says over what was said before.

        Raises:
            ConfigError: it names a setting that does not exist, or names one twice.
        """
        _merge(self._model, self._parts, source.parts or {}, ())

    def validate(self) -> RunConfig:
        """Return the settings as a whole.

        Raises:
            ConfigError: a value is of the wrong type, out of range or missing.
        """
        values = {section: part.plain() for section, part in self._parts.items()}
        try:
            return self._model.model_validate(values)
        except ValidationError as error:
            raise explain(error, model=self._model, values=values, said_at=self._at) from None

    def origin(self, place: Place) -> str:
        """Who determined the setting at `place`; 'default' if nobody spoke of it."""
        return self._at(place).origin

    def _at(self, place: Place) -> Said:
        """The last word on the setting at `place`, or on a group that was given as a whole."""
        found = Said(parts=self._parts, origin="default")
        for name in place:
            if found.parts is None:
                break
            found = found.parts.get(name, _UNSAID)
        return found


_UNSAID = Said(origin="default")


def _merge(model: type[Config] | None, target: Parts, source: Parts, way: Place) -> None:
    """Lay `source` over `target`, the settings at `way`; `model` describes them, where there is one."""
    if model is not None:
        source = _by_field(model, source, way)
        _take_back(model, source)
    for name, part in source.items():
        field = model.model_fields.get(name) if model else None
        inner = inner_model(field)
        spoken = _expand(inner or (model.added if model and not field else None), part)
        if spoken.parts is not None:
            before = _parts(target[name]) if name in target else _parts(_initial(field))
            _merge(inner, before, spoken.parts, (*way, name))
            spoken = Said(parts=before, origin=spoken.origin)
        target[name] = replace(spoken, before=target.get(name))


def _by_field(model: type[Config], source: Parts, way: Place) -> Parts:
    """`source` by the names of the fields that its names and aliases stand for."""
    names = names_of(model)
    chosen: Parts = {}
    for key, part in source.items():
        if key not in names and not allows_more(model):
            raise unknown_setting(model, key, way=way, origin=part.origin)
        name = names.get(key, key)
        if name in chosen:
            raise ConfigError(f"{dotted((*way, name))} is given twice, the second time as {key!r} ({part.origin}).")
        chosen[name] = part
    return chosen


def _take_back(model: type[Config], chosen: Parts) -> None:
    """Add to `chosen` that the other fields of a group that excludes each other are unset."""
    for group in model.one_of:
        speaker = next((chosen[name] for name in group if name in chosen and chosen[name].plain() is not None), None)
        if speaker is not None:
            for name in group:
                chosen.setdefault(name, Said(origin=speaker.origin))


def _expand(model: type[Config] | None, part: Said) -> Said:
    """`part` written in full where it uses the shorthand of `model`."""
    if model is None or part.parts is not None:
        return part
    return said(model.expand_shorthand(part.value), lambda _: part.origin)


def _initial(field: FieldInfo | None) -> Said:
    default = field.get_default(call_default_factory=True, validated_data={}) if field else None
    return Said(value=default, origin="default")


def _parts(whole: Said) -> Parts:
    """What `whole` is made of, as a new dict; empty if it is no mapping and no settings."""
    if whole.parts is not None:
        return dict(whole.parts)
    value = whole.value
    inner = (
        dict(value)
        if isinstance(value, Config)
        else cast("dict[str, object]", value if isinstance(value, dict) else {})
    )
    return {name: Said(value=part, origin=whole.origin) for name, part in inner.items()}
