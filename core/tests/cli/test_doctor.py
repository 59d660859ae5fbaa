"""`igx doctor`: every check's result, what to do about it, and the exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from installed import Program

Results = dict[str, dict[str, object]]

CHECKS = """
    from igx.plugins import CheckResult, CheckSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_checks():
        for name in ("worried", "failing", "raising", "misled"):
            yield CheckSpec(name=name, target=f"igx_acme:{name}", summary="Looks.")


    def worried():
        yield CheckResult(name="worried", ok=None, detail="2 of 3.", advice="Run acme get.")


    def failing():
        yield CheckResult(name="failing", ok=False, detail="None of 3.")


    def raising():
        yield CheckResult(name="half", ok=True, detail="fine")
        raise SystemExit(3)


    def misled():
        return ["fine"]
"""


@pytest.fixture(scope="module")
def examined(
    program_at: Callable[[Path], Program], tmp_path_factory: pytest.TempPathFactory
) -> "CompletedProcess[str]":
    """What `igx doctor` says on a machine with a plugin whose checks go wrong, and a broken one."""
    igx = program_at(tmp_path_factory.mktemp("site"))
    igx.distributions.add("igx-acme", CHECKS)
    igx.distributions.add("igx-bad", "import does_not_exist")
    return igx("doctor", "--json")


@pytest.fixture(scope="module")
def results(examined: "CompletedProcess[str]") -> Results:
    return by_name(examined.stdout)


def by_name(text: str) -> Results:
    return {result["name"]: result for result in json.loads(text)}


def test_what_igx_needs_is_looked_at(results: Results) -> None:
    packages = ("torch", "mujoco", "mujoco-warp", "rl-games")
    for name in ("python", *packages, "cuda", "compiler", "memory", "rendering", "video"):
        assert results[name].keys() == {"name", "ok", "detail", "advice"}
    assert [results[name]["ok"] for name in ("python", "torch", "mujoco", "rl-games")] == [True] * 4


def test_a_check_that_fails_is_exit_code_1(examined: "CompletedProcess[str]", results: Results) -> None:
    assert (examined.returncode, results["failing"]["ok"]) == (1, False)


def test_a_check_that_raises_fails_whole_and_the_others_go_on(results: Results) -> None:
    assert (results["raising"]["ok"], results["raising"]["detail"]) == (
        False,
        "The check itself failed (SystemExit: 3).",
    )
    assert "half" not in results


def test_a_check_that_yields_something_else_fails(results: Results) -> None:
    assert "igx_acme:misled must yield igx.plugins.CheckResult records" in str(results["misled"]["detail"])


def test_a_broken_plugin_fails_with_the_way_to_see_why(results: Results) -> None:
    assert results["plugins"]["ok"] is False
    assert str(results["plugins"]["detail"]).startswith("igx-bad 1.0 failed to load (ModuleNotFoundError")
    assert results["plugins"]["advice"] == "See `igx plugins bad`; IGX_PLUGINS=-bad leaves it out."


def test_a_package_that_is_missing_or_damaged_is_named_with_the_way_to_install_it(igx: Program) -> None:
    """Packages that cannot be imported stand before the real ones, so the program runs as if those were damaged."""
    igx.distributions.write("rl_games/__init__.py", "raise ModuleNotFoundError(name='rl_games')")
    igx.distributions.write("mujoco_warp/__init__.py", "import no_such_library")
    igx.distributions.write("mujoco/__init__.py", "raise ImportError('libGL.so.1: cannot open')")
    igx.distributions.add("igx-acme", CHECKS)
    lines = igx("doctor").stdout
    assert "FAIL  rl_games      rl_games is not installed.\n                    → pip install rl-games\n" in lines
    assert "FAIL  mujoco        mujoco cannot be imported (libGL.so.1: cannot open).\n" in lines
    assert "mujoco_warp lacks the module 'no_such_library'." in lines
    assert "warn  rendering     Neither EGL nor OSMesa works" in lines
    assert "warn  worried       2 of 3.\n                    → Run acme get.\n" in lines
