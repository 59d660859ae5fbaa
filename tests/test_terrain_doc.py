"""What docs/terrain.md shows works, and says what the settings say."""

import re
import runpy
from pathlib import Path
from typing import Any

import torch

from igx import TerrainConfig
from igx.testing import static

PAGE = (Path(__file__).parents[1] / "docs/terrain.md").read_text()


def shown_task(folder: Path) -> Any:
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    (folder / "walk.py").write_text(program)
    return runpy.run_path(str(folder / "walk.py"))["Walk"]


def test_the_task_on_the_page_runs(tmp_path: Path) -> None:
    settings = {"terrain": {"levels": 2, "types": 4, "around": 0}}
    walk = static(shown_task(tmp_path), num_envs=4, settings=settings)
    step = walk.step()
    assert step.obs["policy"].shape == (4, 140 + 3 + 8)
    assert not step.terminated.any()
    assert (walk.task.robot.root_pos[:, 2] - walk.task.ground.origin[:, 2]).tolist() == torch.full((4,), 0.6).tolist()


def test_its_types_and_shares_are_the_defaults() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\S+)", PAGE, flags=re.MULTILINE)
    shares = {name: share for names, share in rows for name in re.findall(r"\w+", names)}
    expected = {name: f"{100 * share:.0f}" if share else "–" for name, share in TerrainConfig().proportions}
    assert {name: shares[name] for name in expected} == expected
