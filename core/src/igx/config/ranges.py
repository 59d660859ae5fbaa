"""Types for settings that are ranges: two bounds, or one number that stands for both."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

_Number = TypeVar("_Number", int, float)


def _from_one_number(value: object) -> object:
    return (value, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _in_order(value: tuple[_Number, _Number]) -> tuple[_Number, _Number]:
    if value[0] > value[1]:
        raise ValueError(f"the lower bound {value[0]:g} is above the upper one {value[1]:g}")
    return value


_Seconds = Annotated[float, Field(gt=0, le=1e6)]
_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]
_Steps = Annotated[int, Field(ge=0, le=1000)]

Range = Annotated[tuple[float, float], BeforeValidator(_from_one_number), AfterValidator(_in_order)]
"""Bounds of a random number."""

Factor = Annotated[tuple[_Positive, _Positive], BeforeValidator(_from_one_number), AfterValidator(_in_order)]
"""Bounds of a random number above 0."""

Share = Annotated[tuple[_NotNegative, _NotNegative], BeforeValidator(_from_one_number), AfterValidator(_in_order)]
"""Bounds of a random number not below 0."""

Duration = Annotated[tuple[_Seconds, _Seconds], BeforeValidator(_from_one_number), AfterValidator(_in_order)]
"""Bounds of a random time [s]."""

Delay = Annotated[tuple[_Steps, _Steps], BeforeValidator(_from_one_number), AfterValidator(_in_order)]
"""Bounds of a random delay [steps]."""
