"""Looking parts up by name."""

import pytest

from igx.errors import AmbiguousNameError, InvalidSpecError, UnknownNameError
from igx.plugins import CommandSpec, Registry, TaskSpec


def task(name: str) -> TaskSpec:
    return TaskSpec(name=name, target="acme:Task", summary="s")


@pytest.fixture
def tasks() -> Registry[TaskSpec]:
    registry = Registry(TaskSpec)
    registry.add("acme", task("peg"))
    registry.add("assembly", task("peg"))
    registry.add("acme", task("ant"))
    return registry


def test_a_name_that_one_plugin_offers_is_found_bare_and_qualified(tasks: Registry[TaskSpec]) -> None:
    assert tasks.get("ant") is tasks.get("acme:ant")
    assert tasks.find("acme:ant").name == "ant"


def test_offers_are_listed_under_the_shortest_clear_name(tasks: Registry[TaskSpec]) -> None:
    assert [(name, provider, spec.name) for name, provider, spec in tasks.items()] == [
        ("ant", "acme", "ant"),
        ("acme:peg", "acme", "peg"),
        ("assembly:peg", "assembly", "peg"),
    ]


def test_a_name_that_two_plugins_offer_asks_which_is_meant(tasks: Registry[TaskSpec]) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        tasks.get("peg")
    assert str(caught.value) == "2 plugins provide a task called 'peg'. Say which: acme:peg or assembly:peg."
    assert tasks.find("assembly:peg").provider == "assembly"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("amt", "No task is called 'amt'. Did you mean 'ant'?"),
        ("peq", "No task is called 'peq'. Known: acme:peg, ant, assembly:peg."),
        ("acme:amt", "No task is called 'acme:amt'. Did you mean 'acme:ant'?"),
        ("assembly:ant", "No task is called 'assembly:ant'. Did you mean 'assembly:peg'?"),
        ("", "No task is called ''. Known: acme:peg, ant, assembly:peg."),
        (":", "No task is called ':'. Known: acme:ant, acme:peg, assembly:peg."),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(tasks: Registry[TaskSpec], name: str, message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        tasks.get(name)
    assert str(caught.value) == message


def test_asking_does_not_add_a_name(tasks: Registry[TaskSpec]) -> None:
    before = tasks.names()
    with pytest.raises(UnknownNameError):
        tasks.get("zebra")
    assert tasks.names() == before


def test_one_provider_cannot_offer_a_name_twice(tasks: Registry[TaskSpec]) -> None:
    with pytest.raises(InvalidSpecError, match=r"The task 'ant' is offered twice by 'acme'\."):
        tasks.add("acme", task("ant"))


def test_an_owner_keeps_its_names_and_others_stay_reachable() -> None:
    commands = Registry(CommandSpec, owner="igx")
    for provider in ("acme", "igx"):
        commands.add(provider, CommandSpec(name="train", target=f"{provider}:train", summary="s"))
    assert commands.get("train").target == "igx:train"
    assert commands.get("acme:train").target == "acme:train"
    assert commands.names() == ["acme:train", "train"]
