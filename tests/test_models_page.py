"""docs/models.md tells the truth: all models are there, with their pictures and what MuJoCo counts in them."""

import re
from pathlib import Path

import mujoco
import pytest

import igx_assets

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "models.md").read_text()
ROW = re.compile(r"^\| !\[\w+\]\(([\w/]+\.png)\) \| `(\w+)` \| (\d+) \| ([\d.]+) \| (\d+) \|", flags=re.MULTILINE)
ROWS = {
    name: (picture, int(joints), float(mass), int(shapes)) for picture, name, joints, mass, shapes in ROW.findall(PAGE)
}


def test_all_models_are_on_the_page() -> None:
    assert set(ROWS) == set(igx_assets.names())


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_what_the_model_has(name: str) -> None:
    _, joints, mass, shapes = ROWS[name]
    model = mujoco.MjModel.from_xml_path(str(igx_assets.path(name)))
    assert (model.jnt_type != mujoco.mjtJoint.mjJNT_FREE).sum() == joints
    assert model.body_mass.sum() == pytest.approx(mass, abs=5e-4)
    assert ((model.geom_contype | model.geom_conaffinity) != 0).sum() == shapes


@pytest.mark.parametrize("name", ROWS)
def test_a_picture_is_there_and_small(name: str) -> None:
    picture = DOCS / ROWS[name][0]
    assert picture.stem == name
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 60_000
