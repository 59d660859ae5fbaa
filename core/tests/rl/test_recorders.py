"""W&B and MLflow record a run, each in a process of its own, and show it as their users expect."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb_files
from point_mass import point_mass_config

from igx.rl.runs import list_runs
from igx.rl.tracker_process import MlflowTracker, ProcessTracker, WandbTracker
from igx.rl.trackers import Run

HERE = Path(__file__).parent
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENVIRONMENT = {
    "command": ["/bin/igx", "train", "point-mass", "--name", "a b"],
    "python": "3.11.7",
    "packages": {"igx": "0.1.0", "torch": "2.13.0"},
    "gpu": {"name": "NVIDIA H100", "memory_bytes": 1, "cuda": "13.0"},
    "git": {"commit": COMMIT, "changed": True},
}


@pytest.fixture(autouse=True)
def without_an_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who runs the tests may have one, and servers of their own."""
    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_TAGS", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ProcessTracker, "patience_s", 300.0)  # a busy machine is no reason to go on alone
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def folder_of_a_run(runs_dir: Path, *, name: str = "a") -> Path:
    folder = runs_dir / name
    (folder / "nn").mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT))
    (folder / "config.yaml").write_text("run: {}\n")
    (folder / "nn" / "best.pth").write_bytes(b"the best policy")
    (folder / "nn" / "last.pth").write_bytes(b"the last policy")
    (folder / "nn" / "epoch_000001.pth").write_bytes(b"another policy")
    (folder / "video.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    return folder


def run_in(folder: Path, *, resumed_at_epoch: int | None = None, **settings: Any) -> Run:
    return Run(folder, point_mass_config(runs_dir=folder.parent, settings={"run": settings}), resumed_at_epoch)


def metrics(epoch: int) -> dict[str, float]:
    return {"epoch": epoch, "frames": 128 * epoch, "time": 0.5 * epoch, "return": 10.0 * epoch, "reward/near": 1.0}


def tell(tracker: ProcessTracker, folder: Path, *, epochs: range) -> None:
    """What a training tells a tracker, up to its end."""
    for epoch in epochs:
        tracker.log(metrics(epoch))
    tracker.add_video(folder / "video.mp4", epoch=1, frames=128)
    for name, epoch in (("epoch_000001", 1), ("best", 2), ("last", 3)):
        tracker.add_checkpoint(folder / "nn" / f"{name}.pth", epoch=epoch)


def working_copy(folder: Path) -> Path:
    """A git repository with one commit."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "--quiet"), (*identity, "commit", "--quiet", "--allow-empty", "--message", "Begin")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, wandb_files.OfflineRun]:
    """The folder of a run of three epochs that W&B recorded offline, because there is no account; and what it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        for name, value in {"WANDB_CONFIG_DIR": home, "NETRC": home / "netrc", "WANDB_TAGS": "mine"}.items():
            patch.setenv(name, str(value))
        patch.setattr(ProcessTracker, "patience_s", 300.0)
        patch.delenv("WANDB_API_KEY", raising=False)
        patch.delenv("WANDB_MODE", raising=False)
        patch.chdir(working_copy(tmp_path_factory.mktemp("code")))
        folder = folder_of_a_run(tmp_path_factory.mktemp("runs"))
        tracker = WandbTracker(run_in(folder, project="walkers", group="seeds", tags=["paper"]))
        tell(tracker, folder, epochs=range(1, 4))
        tracker.close("interrupted")
    [place] = (folder / "wandb").glob("offline-run-*")
    return folder, wandb_files.read(place)


def test_wandb_shows_the_curves_over_frames(offline: tuple[Path, wandb_files.OfflineRun]) -> None:
    _, run = offline
    points = [{name: line[name] for name in metrics(1)} for line in run.history]
    assert points == [metrics(epoch) for epoch in (1, 2, 3)]
    assert [line["_step"] for line in run.history] == [1, 2, 3]
    assert run.axes == {"*": "frames", "frames": "", "epoch": "", "time": ""}


def test_wandb_sorts_a_run_by_name_project_group_and_tags(offline: tuple[Path, wandb_files.OfflineRun]) -> None:
    folder, run = offline
    begin = run.begin
    assert (begin.display_name, begin.project, begin.run_group) == (folder.name, "walkers", "seeds")
    assert list(begin.tags) == ["point-mass", "ppo", "paper", "mine"]


def test_wandb_has_settings_environment_command_and_commit(offline: tuple[Path, wandb_files.OfflineRun]) -> None:
    _, run = offline
    assert run.config["ppo"]["lr"] == 1e-3
    assert run.config["environment"] == ENVIRONMENT
    assert run.command == ENVIRONMENT["command"]
    assert len(run.begin.git.commit) == len(COMMIT)


def test_wandb_has_the_best_and_the_last_policy_and_no_other(offline: tuple[Path, wandb_files.OfflineRun]) -> None:
    _, run = offline
    kept = [(artifact.type, set(artifact.aliases), artifact.manifest.contents[0].path) for artifact in run.artifacts]
    assert kept == [("model", {"best", "latest"}, "best.pth"), ("model", {"last", "latest"}, "last.pth")]


def test_wandb_has_the_video_and_the_outcome(offline: tuple[Path, wandb_files.OfflineRun]) -> None:
    folder, run = offline
    last = run.history[-1]
    assert (last["epoch"], last["video.caption"]) == (3, "epoch 1, 128 steps")
    [place] = (folder / "wandb").glob("offline-run-*")
    assert (place / "files" / last["video.path"]).read_bytes() == (folder / "video.mp4").read_bytes()
    assert run.summary["outcome"] == "interrupted"
    assert run.exit_code == 255


def test_wandb_goes_on_with_a_resumed_run_under_its_id(tmp_path: Path) -> None:
    folder = folder_of_a_run(tmp_path)
    for resumed_at, epochs in ((None, range(1, 4)), (2, range(3, 5))):
        tracker = WandbTracker(run_in(folder, resumed_at_epoch=resumed_at))
        for epoch in epochs:
            tracker.log(metrics(epoch))
        tracker.close("finished")
    places = sorted((folder / "wandb").glob("offline-run-*"), key=lambda place: place.stat().st_ctime)
    first, second = (wandb_files.read(place) for place in places)
    assert first.begin.run_id == second.begin.run_id
    assert [line["_step"] for line in second.history] == [3, 4]


def test_wandb_without_a_network_records_offline_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "0" * 40, "WANDB_INIT_TIMEOUT": "3"}
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WANDB_MODE")
    folder = folder_of_a_run(tmp_path)
    with caplog.at_level("INFO", logger="igx"):
        tracker = WandbTracker(run_in(folder))
        tracker.log(metrics(1))
        tracker.close("finished")
    [place] = (folder / "wandb").glob("offline-run-*")
    assert [line["epoch"] for line in wandb_files.read(place).history] == [1]
    [line] = [record.message for record in caplog.records]
    assert line.startswith("W&B records offline (Timed out")
    assert line.endswith(f"; upload it by: wandb sync {place}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    with (folder / "log").open("wb") as log:
        command = [sys.executable, HERE / "mlflow_server.py", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.communicate()


def mlflow_client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def recorded(client: Any, name: str, *, experiment: str = "igx") -> Any:
    """The one run called `name`."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    [run] = [run for run in found if run.info.run_name == name]
    return run


def files(client: Any, run: Any, folder: str | None = None) -> list[str]:
    return [item.path for item in client.list_artifacts(run.info.run_id, folder)]


def test_an_mlflow_server_shows_all_of_a_run(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    folder = folder_of_a_run(tmp_path)
    tracker = MlflowTracker(run_in(folder, project="walkers", group="seeds", tags=["paper"]))
    tell(tracker, folder, epochs=range(1, 4))
    tracker.log({**metrics(4), "kl": math.nan, "loss/a (b)": 2.0})
    tracker.close("interrupted")

    client = mlflow_client(server)
    run = recorded(client, "a", experiment="walkers")
    curve = client.get_metric_history(run.info.run_id, "return")
    assert [(point.step, point.value) for point in curve] == [(128 * n, 10.0 * n) for n in range(1, 5)]
    assert run.data.metrics == {**metrics(4), "loss/a _b_": 2.0}
    assert run.info.status == "KILLED"
    assert (run.data.params["ppo.lr"], run.data.params["network.units"]) == ("0.001", "[16, 16]")
    expected = {
        "task": "point-mass",
        "agent": "ppo",
        "paper": "true",
        "group": "seeds",
        "outcome": "interrupted",
        "mlflow.source.name": "/bin/igx train point-mass --name 'a b'",
        "mlflow.source.git.commit": COMMIT,
        "git.changed": "true",
        "gpu": "NVIDIA H100",
        "version.torch": "2.13.0",
    }
    assert {name: run.data.tags.get(name) for name in expected} == expected
    assert files(client, run) == ["checkpoints", "config.yaml", "environment.json", "videos"]
    assert files(client, run, "checkpoints") == ["checkpoints/best.pth", "checkpoints/last.pth"]
    assert files(client, run, "videos") == ["videos/video.mp4"]


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow uses it
def test_mlflow_without_a_server_keeps_a_database_beside_the_runs_and_goes_on_with_a_resumed_one(
    tmp_path: Path,
) -> None:
    folder, other = folder_of_a_run(tmp_path), folder_of_a_run(tmp_path, name="b")
    trackers = [MlflowTracker(run_in(each)) for each in (folder, other)]  # at once, where there is no database yet
    for tracker in trackers:
        tracker.log(metrics(1))
        tracker.log(metrics(2))
        tracker.log(metrics(3))
    for tracker in trackers:
        tracker.close("failed")
    resumed = MlflowTracker(run_in(folder, resumed_at_epoch=2))
    for epoch in range(3, 6):
        resumed.log(metrics(epoch))
    resumed.close("finished")

    client = mlflow_client(f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    run, left = recorded(client, "a"), recorded(client, "b")
    curves = [client.get_metric_history(each.info.run_id, "epoch") for each in (run, left)]
    assert [[point.value for point in curve] for curve in curves] == [[1, 2, 3, 4, 5], [1, 2, 3]]
    assert (run.info.status, left.info.status) == ("FINISHED", "FAILED")
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(tmp_path / "mlflow" / "artifacts")
    assert "mlflow" not in list_runs(tmp_path).others
