"""Each distribution's wheel is complete, pins nothing exactly, and works where nothing else of igx is."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "igx": ROOT / "core",
    "igx_algo_amp": ROOT / "plugins" / "algo_amp",
    "igx_assets": ROOT / "assets",
    "igx_tasks_locomotion": ROOT / "plugins" / "tasks_locomotion",
}
LEFTOVERS = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One wheel a package, built from copies: what an earlier build left in the tree must not get in."""
    folder = tmp_path_factory.mktemp("wheels")
    copies = [shutil.copytree(source, folder / name, ignore=LEFTOVERS) for name, source in FOLDERS.items()]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", *copies, cwd=folder)
    return {name: next(folder.glob(f"{name}-*.whl")) for name in FOLDERS}


@pytest.mark.parametrize("package", FOLDERS)
def test_a_wheel_holds_every_file_of_its_package_and_no_other(package: str, wheels: dict[str, Path]) -> None:
    source = FOLDERS[package] / "src"
    written = {
        path.relative_to(source).as_posix()
        for path in (source / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheels[package]).namelist() if ".dist-info/" not in name}
    assert packed == written


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.parametrize("package", FOLDERS)
def test_a_wheel_says_what_it_is_and_carries_its_licence(package: str, wheels: dict[str, Path]) -> None:
    about = metadata(wheels[package])
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.11"
    assert str(about.get_payload()).startswith("# igx")
    licences = [name for name in zipfile.ZipFile(wheels[package]).namelist() if name.endswith("licenses/LICENSE")]
    assert len(licences) == 1


@pytest.mark.parametrize("package", FOLDERS)
def test_a_wheel_pins_nothing_exactly(package: str, wheels: dict[str, Path]) -> None:
    requirements = metadata(wheels[package]).get_all("Requires-Dist", [])
    assert [requirement for requirement in requirements if "==" in requirement.partition(";")[0]] == []


class Place:
    """A new environment that has everything igx depends on, and of igx itself only what is installed into it."""

    def __init__(self, folder: Path) -> None:
        """Make the environment; the third-party packages are those of the running one."""
        venv.create(folder / "venv", with_pip=False)
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        third_party = folder / "third_party"
        third_party.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not entry.name.startswith(("igx", "__editable__")):
                (third_party / entry.name).symlink_to(entry)
        packages = Path(run(self.python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).strip())
        (packages / "third_party.pth").write_text(f"{third_party}\n")

    def install(self, wheel: Path) -> None:
        """Install one wheel, without what it depends on."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.python]
        run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=self.folder)

    def igx(self, *arguments: str) -> str:
        """Run the installed command and return what it prints."""
        return run(self.python.with_name("igx"), *arguments, cwd=self.folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_models_work_alone(place: Place, wheels: dict[str, Path]) -> None:
    place.install(wheels["igx_assets"])
    code = "import igx_assets, mujoco; print(mujoco.MjModel.from_xml_path(str(igx_assets.path('ant'))).nv)"
    assert run(place.python, "-c", code, cwd=place.folder).strip() == "14"


def test_core_alone_lists_its_own_tasks_and_a_plugin_adds_to_them(place: Place, wheels: dict[str, Path]) -> None:
    place.install(wheels["igx_assets"])
    place.install(wheels["igx"])
    alone = place.igx("list-tasks")
    assert "cartpole" in alone
    assert "ant" not in alone.split()
    place.install(wheels["igx_tasks_locomotion"])
    assert {"ant", "cartpole"} <= set(place.igx("list-tasks").split())


def test_motions_come_with_their_wheel_and_need_no_other_plugin(place: Place, wheels: dict[str, Path]) -> None:
    for package in ("igx_assets", "igx", "igx_algo_amp"):
        place.install(wheels[package])
    assert {"walk", "run"} <= set(place.igx("motions", "list").split())
    code = "import igx; env = igx.make('humanoid-amp', num_envs=2, device='cpu'); print(env.task.demonstrate(3).shape)"
    assert "[3, 210]" in run(place.python, "-c", code, cwd=place.folder)


def test_core_alone_trains(place: Place, wheels: dict[str, Path]) -> None:
    place.install(wheels["igx_assets"])
    place.install(wheels["igx"])
    place.igx("train", "cartpole", "--device", "cpu", "--num-envs", "16", "--max-epochs", "1", "--name", "smoke")
    assert list((place.folder / "runs" / "smoke" / "nn").glob("*.pth"))
