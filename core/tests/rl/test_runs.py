"""Runs on disk: listed with their results, chosen among, found by name."""

import json
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from runs import run

from igx.errors import ConfigError, RunError, RunFailure
from igx.rl.runs import chosen, find_run, list_runs, moment, summarise

HERE = Path(__file__).parent
ENDLESS = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from runs import run
run(Path(sys.argv[2]), run={"name": "endless", "max_epochs": None})
"""


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: one that finished, one by SAC, one whose policy diverged."""
    folder = tmp_path_factory.mktemp("runs")
    run(folder, run={"name": "finished", "max_epochs": 12, "save_best_after": 2})
    run(folder, agent="sac", run={"name": "soft", "max_epochs": 3, "seed": 7})
    with pytest.raises(RunFailure):
        run(folder, task={"breaks_in_step": 8 * 6 + 1}, run={"name": "broken", "max_epochs": 20})
    return folder


def test_a_run_is_listed_with_its_result(runs_dir: Path) -> None:
    found = summarise(runs_dir / "finished")
    epochs = [json.loads(line) for line in (runs_dir / "finished" / "metrics.jsonl").read_text().splitlines()]
    assert (found.task, found.agent, found.device, found.seed) == ("point-mass", "ppo", "cpu", 42)
    assert (found.name, found.status.name, found.epochs, found.frames) == ("finished", "finished", 12, 12 * 16 * 8)
    assert found.best_return == max(epoch["return"] for epoch in epochs[1:] if "return" in epoch)
    assert found.last_return == epochs[-1]["return"]
    assert found.steps_per_s == epochs[-1]["steps_per_s"]
    assert found.started is not None
    assert abs((datetime.now(found.started.tzinfo) - found.started).total_seconds()) < 300


def test_how_runs_ended_is_told_apart(runs_dir: Path) -> None:
    outcomes = {run.name: run.status.name for run in list_runs(runs_dir).runs}
    assert outcomes == {"broken": "failed", "finished": "finished", "soft": "finished"}
    broken = summarise(runs_dir / "broken")
    assert (broken.epochs, broken.best_return is not None) == (7, True)


@pytest.mark.parametrize(
    ("number", "becomes"), [(signal.SIGKILL, "died"), (signal.SIGTERM, "interrupted")], ids=["killed", "ended"]
)
def test_a_run_is_running_while_it_trains_and_its_end_is_known(
    number: signal.Signals, becomes: str, tmp_path: Path
) -> None:
    metrics = tmp_path / "endless" / "metrics.jsonl"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(HERE), str(tmp_path)]) as process:
        deadline = time.monotonic() + 90
        while not (metrics.exists() and metrics.read_text().count("\n") >= 5):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running = summarise(tmp_path / "endless")
        process.send_signal(number)
    over = summarise(tmp_path / "endless")
    assert (running.status.name, over.status.name) == ("running", becomes)
    assert over.epochs >= running.epochs >= 5
    assert over.best_return is not None


def test_a_run_of_an_igx_that_kept_no_status_is_listed_all_the_same(runs_dir: Path, tmp_path: Path) -> None:
    old = copied(runs_dir / "finished", tmp_path / "old")
    (old / "status.json").unlink()
    (old / "environment.json").write_text('{"started": ')
    found, was = summarise(old), summarise(runs_dir / "finished")
    assert (found.status.name, found.started) == ("unknown", None)
    assert (found.epochs, found.frames, found.best_return) == (was.epochs, was.frames, was.best_return)


def test_what_is_no_run_is_named_with_the_reason(runs_dir: Path, tmp_path: Path) -> None:
    copied(runs_dir / "finished", tmp_path / "fine")
    for name, text in {"half": "run: {task: ", "list": "- 1\n", "empty": "", "other": "run: 5\nsim: 1\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text)
    (tmp_path / "foreign").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file.txt").touch()
    listing = list_runs(tmp_path)
    assert [run.name for run in listing.runs] == ["fine"]
    assert listing.others == {
        "empty": "its config.yaml holds no section sim",
        "foreign": "its config.yaml does not exist",
        "half": "its config.yaml holds no section sim",
        "list": "its config.yaml holds no section sim",
        "other": "its config.yaml holds no settings in section sim",
    }


def test_a_run_that_has_only_begun_is_listed(runs_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.yaml").write_text((runs_dir / "finished" / "config.yaml").read_text())
    [found] = list_runs(tmp_path).runs
    assert (found.epochs, found.frames, found.best_return, found.last_return) == (0, 0, None, None)


def names(runs_dir: Path, **choice: object) -> list[str]:
    return [run.name for run in chosen(list_runs(runs_dir).runs, **choice)]  # pyright: ignore[reportArgumentType]


def test_runs_are_chosen_by_task_agent_status_and_time(runs_dir: Path) -> None:
    assert sorted(names(runs_dir, task="point-mass")) == ["broken", "finished", "soft"]
    assert names(runs_dir, task="ant") == []
    assert names(runs_dir, agent="sac") == ["soft"]
    assert names(runs_dir, statuses=["failed", "died"]) == ["broken"]
    assert len(names(runs_dir, since=moment("1h"))) == 3
    assert names(runs_dir, since=time.time() + 60) == []


def test_runs_are_sorted_with_the_largest_first_and_what_has_no_value_last(runs_dir: Path, tmp_path: Path) -> None:
    for name, best in {"a": 1.0, "b": None, "c": 5.0}.items():
        status = copied(runs_dir / "finished", tmp_path / name) / "status.json"
        status.write_text(json.dumps({**json.loads(status.read_text()), "best_return": best}))
    assert names(tmp_path, order="return") == ["c", "a", "b"]
    assert names(tmp_path, order="return", limit=1) == ["c"]


def test_a_time_is_a_date_or_how_long_ago() -> None:
    assert moment("2d") == pytest.approx(time.time() - 2 * 86_400, abs=5)
    assert moment("1.5h") == pytest.approx(time.time() - 5400, abs=5)
    assert moment("2026-11-20") == datetime(2026, 11, 20).astimezone().timestamp()
    for text in ("", "2x", "-1d", "d", "1.2.3d", "yesterday"):
        with pytest.raises(ConfigError, match=r"is no time; write e\.g\. 30m, 12h, 2d, 1w, or a date"):
            moment(text)


def test_a_run_is_found_by_path_or_name_and_another_is_suggested(runs_dir: Path) -> None:
    assert find_run(runs_dir / "soft", Path("elsewhere")).path == runs_dir / "soft"
    assert find_run(Path("soft"), runs_dir).path == runs_dir / "soft"
    with pytest.raises(RunError, match=r"sofd is no folder\. Did you mean 'soft'\?"):
        find_run(Path("sofd"), runs_dir)
    with pytest.raises(RunError, match=r"finishd is no folder\. Did you mean 'finished'\?"):
        find_run(runs_dir / "finishd", Path("elsewhere"))
    with pytest.raises(RunError, match=r"is no folder of a run: it holds no config\.yaml"):
        find_run(runs_dir, Path("elsewhere"))


def test_no_folder_of_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"There is no folder .*nowhere; say where the runs are with --runs-dir"):
        list_runs(tmp_path / "nowhere")


def copied(run: Path, to: Path) -> Path:
    """The files of a run, less its checkpoints, in another folder."""
    to.mkdir()
    for file in run.iterdir():
        if file.is_file():
            (to / file.name).write_bytes(file.read_bytes())
    return to
