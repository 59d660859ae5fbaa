"""Each hook is documented, and the plugin in its documentation works."""

import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from installed import Distributions

from igx.plugins.discovery import Choice
from igx.plugins.interface import HOOKS
from igx.plugins.manager import discover

OBSERVERS = {
    "igx_run_started": ({}, "started"),
    "igx_epoch_ended": ({"metrics": {"return": 3.0}}, "last"),
    "igx_run_ended": ({"outcome": "finished"}, "finished"),
}


@dataclass
class Run:
    folder: Path


def example(hook: str) -> str:
    return inspect.cleandoc(HOOKS[hook].__doc__).partition("Example::\n")[2]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_when_it_is_called_and_what_becomes_of_an_exception(hook: str) -> None:
    text = " ".join((HOOKS[hook].__doc__ or "").split())
    assert "Called " in text
    assert "raises" in text


@pytest.mark.parametrize("hook", sorted(HOOKS.keys() - OBSERVERS))
def test_the_example_of_a_hook_offers_its_part(distributions: Distributions, hook: str) -> None:
    distributions.add("igx-acme", textwrap.dedent(example(hook)))
    [record] = discover(Choice(strict=True)).find("acme")
    [spec] = record.specs
    assert f"igx_{spec.noun}s" == hook
    assert spec.target.startswith("igx_acme.")


@pytest.mark.parametrize("hook", OBSERVERS)
def test_the_example_of_an_observer_watches_a_run(distributions: Distributions, tmp_path: Path, hook: str) -> None:
    distributions.add("igx-acme", textwrap.dedent(example(hook)))
    plugins = discover(Choice(strict=True))
    arguments, written = OBSERVERS[hook]
    plugins.notify(hook, run=Run(tmp_path), **arguments)
    assert (tmp_path / written).exists()
    assert plugins.find("acme")[0].observes == (hook,)
