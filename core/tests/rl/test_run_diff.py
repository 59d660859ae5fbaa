"""What differs between two runs: settings, versions, outcomes, returns after as many steps."""

import json
from pathlib import Path
from typing import Any

import pytest
from runs import run

from igx.rl.run_diff import diff_runs, diff_versions
from igx.rl.run_folder import RunFolder, environment


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """Runs by name: two that differ in a few settings, one of another agent."""
    where = tmp_path_factory.mktemp("runs")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    slow = run(where, ppo={"lr": 1e-3}, run={"name": "slow", "max_epochs": 8})
    fast = run(elsewhere, ppo={"lr": 3e-3}, network={"units": [8]}, run={"name": "fast", "max_epochs": 4})
    soft = run(where, agent="sac", run={"name": "soft", "max_epochs": 8})
    return {"slow": slow.folder, "fast": fast.folder, "soft": soft.folder}


def test_only_settings_that_differ_are_told_and_not_where_the_runs_are(folders: dict[str, RunFolder]) -> None:
    found = diff_runs(folders["slow"], folders["fast"])
    assert found.settings == {
        "ppo.lr": (1e-3, 3e-3),
        "network.units": ([16, 16], [8]),
        "run.max_epochs": (8, 4),
    }
    assert found.versions == {}


def test_a_run_does_not_differ_from_itself(folders: dict[str, RunFolder]) -> None:
    found = diff_runs(folders["slow"], folders["slow"])
    assert (found.settings, found.versions) == ({}, {})


def test_the_agent_comes_first_and_a_section_that_one_lacks_stands_as_a_whole(folders: dict[str, RunFolder]) -> None:
    settings = diff_runs(folders["slow"], folders["soft"]).settings
    assert next(iter(settings.items())) == ("run.agent", ("ppo", "sac"))
    ours, theirs = settings["ppo"]
    assert (ours["lr"], theirs) == (1e-3, None)
    assert settings["sac"][0] is None


def test_outcomes_stand_side_by_side(folders: dict[str, RunFolder]) -> None:
    outcomes = diff_runs(folders["slow"], folders["fast"]).outcomes
    assert outcomes["status"] == ("finished", "finished")
    assert outcomes["epochs"] == (8, 4)
    assert outcomes["steps"] == (8 * 128, 4 * 128)


def test_returns_are_compared_after_as_many_steps_up_to_where_the_shorter_run_ends(
    folders: dict[str, RunFolder],
) -> None:
    returns = diff_runs(folders["slow"], folders["fast"]).returns
    assert list(returns) == [128, 256, 384, 512]
    lines = [line_of(folders[name], epoch=4) for name in ("slow", "fast")]
    assert returns[512] == (lines[0]["return"], lines[1]["return"])


def line_of(folder: RunFolder, *, epoch: int) -> dict[str, Any]:
    return json.loads(folder.metrics_file.read_text().splitlines()[epoch - 1])


def test_a_run_without_an_epoch_has_no_returns_to_compare(folders: dict[str, RunFolder], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(folders["slow"].config_file.read_text())
    found = diff_runs(folders["slow"], RunFolder(tmp_path))
    assert found.returns == {}
    assert found.settings == {}
    assert found.versions["torch"][1] is None


def test_versions_hardware_and_commits_are_compared() -> None:
    now = environment("cpu")
    git = {"commit": "0123456789abcdef", "changed": True}
    then = {**now, "packages": {**now["packages"], "torch": "1.0"}, "cpu_cores": 999, "git": git, "started": "long ago"}
    here = {**now, "git": {**git, "changed": False}}
    assert diff_versions(then, here) == {
        "torch": ("1.0", now["packages"]["torch"]),
        "cpu_cores": (999, now["cpu_cores"]),
        "commit": ("0123456789ab with changes", "0123456789ab"),
    }


@pytest.mark.parametrize("broken", [{}, {"packages": [1], "git": "none", "gpu": None}])
def test_an_environment_that_says_nothing_sensible_differs_and_breaks_nothing(broken: dict[str, Any]) -> None:
    found = diff_versions(broken, environment("cpu"))
    assert found["torch"][0] is None


def test_versions_of_plugins_are_stored() -> None:
    assert environment("cpu")["packages"]["igx-tasks-locomotion"]
