"""`igx list-tasks`: what it lists, from specs alone, and how."""

import json
import re

from installed import Distributions, Program

TASKS = """
    from igx.plugins import TaskSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_tasks():
        yield TaskSpec(name="hop", target="acme_tasks.hop:Hop", summary="Hop [to] the far end of a long, long hall.")
        yield TaskSpec(name="cartpole", target="acme_tasks.poles:Cartpole", summary="Another.", agent="trpo")
"""


def install(distributions: Distributions) -> None:
    """Install igx-acme, whose tasks live in a package that must not be imported, with presets of `hop`."""
    distributions.add("igx-acme", TASKS)
    distributions.write("acme_tasks/__init__.py", "raise AssertionError('imported')")
    for name in ("hop", "hop.cpu", "hop.gpu", "hopper.gpu"):
        distributions.write(f"acme_tasks/presets/{name}.yaml", "{}")


def test_a_task_is_listed_with_provider_summary_agent_and_presets(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    done = igx("list-tasks")
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["task", "provider", "summary", "agent", "presets"]
    [hop] = [row for row in rows if row.startswith("hop ")]
    assert re.split(" {2,}", hop) == ["hop", "acme", "Hop [to] the far end of a long, long hall.", "ppo", "cpu gpu"]


def test_a_name_of_two_plugins_is_listed_with_its_provider(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    names = [row.split()[0] for row in igx("list-tasks").stdout.splitlines()]
    assert {"acme:cartpole", "igx:cartpole"} <= set(names)
    assert "cartpole" not in names


def test_json_says_the_same(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    tasks = {task["name"]: task for task in json.loads(igx("list-tasks", "--json").stdout)}
    assert tasks["hop"] == {
        "name": "hop",
        "provider": "acme",
        "summary": "Hop [to] the far end of a long, long hall.",
        "agent": "ppo",
        "presets": ["cpu", "gpu"],
    }
    assert tasks["acme:cartpole"]["agent"] == "trpo"


def test_a_task_whose_package_is_missing_is_listed_without_presets(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-acme", TASKS)
    done = igx("list-tasks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "hop" in done.stdout


def test_widths_are_measured_and_a_task_that_cannot_be_built_is_an_error_of_its_own(
    distributions: Distributions, igx: Program
) -> None:
    install(distributions)
    done = igx("list-tasks", "--widths", "--json")
    tasks = {task["name"]: task for task in json.loads(done.stdout)}
    assert (tasks["igx:cartpole"]["observations"], tasks["igx:cartpole"]["actions"]) == ({"policy": 4}, 1)
    assert "AssertionError: imported" in tasks["hop"]["error"]
    assert done.returncode == 1


def test_widths_stand_in_two_more_columns(igx: Program) -> None:
    done = igx("list-tasks", "--widths", env={"IGX_PLUGINS": "off"})
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = done.stdout.splitlines()
    assert head.split()[-2:] == ["observations", "actions"]
    assert {row.split()[0]: row.split()[-2:] for row in rows} == {
        "ball-balance": ["policy:24", "3"],
        "cartpole": ["policy:4", "1"],
    }


def test_on_a_terminal_only_the_summary_is_broken_to_fit(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", igx.on_terminal("list-tasks", columns=80)).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert any(line.startswith("acme:cartpole") and "Another." in line for line in lines)
    assert "long, long hall." not in "\n".join(lines)
    assert "[to]" in " ".join(lines)


def test_no_color_leaves_a_terminal_without_escapes(igx: Program) -> None:
    assert "\x1b[1m" in igx.on_terminal("list-tasks")
    assert not re.search(r"\x1b\[3\dm", igx.on_terminal("list-tasks", env={"NO_COLOR": "1"}))
