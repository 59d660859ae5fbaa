"""The tree of errors: what each does to the exit code, and how an unknown name is answered."""

import inspect

import pytest

from igx import errors
from igx.errors import IgxError, suggest

ALL = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, IgxError)]


@pytest.mark.parametrize("error", ALL)
def test_the_tree_in_the_docstring_shows_each_error_with_its_exit_code(error: type[IgxError]) -> None:
    [line] = [line for line in tree() if f"{error.__name__} " in line]
    assert line.split(error.__name__)[1].split()[0] == str(error.exit_code)


def test_the_tree_in_the_docstring_shows_nothing_else() -> None:
    assert len(tree()) == len(ALL)


def tree() -> list[str]:
    return [line for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]


def test_a_near_name_is_suggested() -> None:
    assert suggest("catrpole", ["ant", "cartpole"]) == " Did you mean 'cartpole'?"


def test_case_does_not_hide_a_near_name() -> None:
    assert suggest("CARTPOLE", ["ant", "cartpole"]) == " Did you mean 'cartpole'?"


def test_without_a_near_name_all_are_listed() -> None:
    assert suggest("zebra", ["cartpole", "ant"]) == " Known: ant, cartpole."


def test_of_very_many_names_the_first_are_listed() -> None:
    assert suggest("zebra", [f"task{i:02}" for i in range(33)]).endswith("task28, task29 and 3 more.")


def test_where_nothing_is_known_the_hint_says_so() -> None:
    assert suggest("zebra", []) == " Known: none."
