"""What the records of plugins accept, refuse and load."""

import pytest
from installed import Distributions

from igx.errors import InvalidSpecError, PluginLoadError
from igx.plugins import AgentSpec, SimulatorSpec, TaskSpec, TermSpec
from igx.plugins.specs import TERM_KINDS

TASK = {"name": "peg-hole", "target": "acme.peg:Peg", "summary": "A peg and a hole."}
AGENT = {"name": "trpo", "target": "acme:Trpo", "summary": "s", "section": "trpo", "config": "acme:Config"}


def test_a_task_has_its_presets_and_agent_by_default() -> None:
    task = TaskSpec(**TASK)
    assert (task.preset, task.agent, task.package) == ("peg_hole", "ppo", "acme")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "Peg Hole"}, r"task name 'Peg Hole' must be lower-case letters, digits, '-' and '_'"),
        ({"name": "acme:peg"}, "task name 'acme:peg' must be"),
        ({"name": 3}, "task name 3 must be"),
        ({"target": "acme.peg"}, "'peg-hole': target must read 'package.module:Attribute', not 'acme.peg'"),
        ({"target": "acme..peg:Peg"}, "target must read"),
        ({"target": "acme:Peg:x"}, "target must read"),
        ({"target": None}, "target must read"),
        ({"summary": " "}, "the summary must be one line of text, not ' '"),
        ({"summary": "two\nlines"}, "the summary must be one line"),
        ({"preset": ("peg", "../peg")}, "preset must be the stem of a file name"),
        ({"preset": "../peg"}, "preset must be the stem of a file name, .* not '../peg'"),
        ({"agent": ""}, "agent must be the name of an agent"),
    ],
)
def test_a_wrong_field_of_a_task_is_refused(change: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidSpecError, match=complaint):
        TaskSpec(**{**TASK, **change})


def test_a_term_may_serve_as_several_kinds() -> None:
    term = TermSpec(name="height", target="acme:height", summary="s", kind=("reward", "observation"))
    assert term.kinds == ("reward", "observation")
    assert TermSpec(name="height", target="acme:height", summary="s", kind="reward").kinds == ("reward",)


@pytest.mark.parametrize("kind", ["cost", (), ("reward", "cost"), None])
def test_an_unknown_kind_of_term_is_refused(kind: str) -> None:
    with pytest.raises(InvalidSpecError, match=f"kind must be one or more of {', '.join(TERM_KINDS)}"):
        TermSpec(name="height", target="acme:height", summary="s", kind=kind)


@pytest.mark.parametrize("devices", [(), ("tpu",), "cpu"])
def test_unknown_devices_of_a_simulator_are_refused(devices: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSpecError, match="devices must be one or more of cpu, cuda"):
        SimulatorSpec(name="newton", target="acme:Newton", summary="s", devices=devices)


@pytest.mark.parametrize("promise", [-0.1, 1.0])
def test_a_promise_that_nothing_could_break_or_keep_is_refused(promise: float) -> None:
    with pytest.raises(InvalidSpecError, match=r"repeats_within must be from 0 to below 1, or None, not"):
        SimulatorSpec(name="newton", target="acme:Newton", summary="s", repeats_within=promise)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"section": "sim"}, "config section 'sim' belongs to igx"),
        ({"section": "a b"}, "section must be a name such as 'ppo'"),
        ({"config": "acme"}, "config must read 'package.module:Attribute'"),
    ],
)
def test_a_wrong_section_of_an_agent_is_refused(change: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidSpecError, match=complaint):
        AgentSpec(**{**AGENT, **change})


def test_what_fails_in_a_target_is_told_with_the_last_line_of_its_own_package(distributions: Distributions) -> None:
    distributions.write("acme_tasks/__init__.py", "")
    distributions.write("acme_tasks/peg.py", "import acme_tasks.terms\n")
    distributions.write("acme_tasks/terms.py", "import fractions\n\nONE = fractions.Fraction(1, 0)\n")
    with pytest.raises(PluginLoadError) as caught:
        TaskSpec(**{**TASK, "target": "acme_tasks.peg:Peg"}).load()
    place = distributions.folder / "acme_tasks" / "terms.py"
    assert f"(ZeroDivisionError: Fraction(1, 0) in {place}:3)." in str(caught.value)


def test_a_target_is_imported_by_load() -> None:
    assert TaskSpec(**{**TASK, "target": "collections.abc:Mapping"}).load().__name__ == "Mapping"
    assert AgentSpec(**{**AGENT, "config": "fractions:Fraction.limit_denominator"}).load_config()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("igx_nowhere.peg:Peg", "ModuleNotFoundError: No module named 'igx_nowhere'"),
        ("collections.abc:Peg", "AttributeError: module 'collections.abc' has no attribute 'Peg'"),
    ],
)
def test_a_target_that_is_not_there_is_one_line(target: str, reason: str) -> None:
    with pytest.raises(PluginLoadError) as caught:
        TaskSpec(**{**TASK, "target": target}).load()
    assert str(caught.value) == (
        f"The task 'peg-hole' cannot be loaded from {target!r} ({reason}). IGX_STRICT_PLUGINS=1 shows the traceback."
    )
