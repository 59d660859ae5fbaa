"""How a model is looked up."""

import subprocess
import sys

import pytest

import igx_assets


def test_names_are_sorted_and_each_has_its_file() -> None:
    names = igx_assets.names()
    assert "ant" in names
    assert list(names) == sorted(names)
    assert all(igx_assets.path(name).is_file() for name in names)


@pytest.mark.parametrize("name", ["atn", "", "ant.xml", "../igx_assets/ant"])
def test_an_unknown_model_is_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(KeyError, match=r"It has: ant, .*, cartpole"):
        igx_assets.path(name)


def test_looking_a_model_up_imports_nothing_heavy() -> None:
    code = (
        "import sys, igx_assets; igx_assets.path('ant'); print(*(m for m in ('mujoco', 'numpy') if m in sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
