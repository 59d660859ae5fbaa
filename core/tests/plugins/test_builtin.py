"""What igx offers through its own plugin is really there."""

import pytest

from igx import builtin, terms
from igx.plugins import AgentSpec, CheckSpec, Spec, TermSpec

SPECS: list[Spec] = [
    *builtin.igx_tasks(),
    *builtin.igx_terms(),
    *builtin.igx_agents(),
    *builtin.igx_simulators(),
    *builtin.igx_trackers(),
    *builtin.igx_commands(),
    *builtin.igx_checks(),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.noun}-{spec.name}")
def test_the_target_of_a_part_of_igx_can_be_imported(spec: Spec) -> None:
    part = spec.load()
    assert callable(part)
    assert isinstance(part, type) is not isinstance(spec, TermSpec | CheckSpec) or spec.noun == "command"
    if isinstance(spec, AgentSpec):
        assert isinstance(spec.load_config(), type)


def test_every_term_of_igx_is_offered_by_its_name() -> None:
    assert sorted(spec.name for spec in SPECS if isinstance(spec, TermSpec)) == sorted(terms.__all__)
