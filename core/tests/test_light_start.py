"""The program starts without its heavy parts: what the first commands may not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["gymnasium", "mujoco", "mujoco_warp", "numpy", "pydantic", "rich", "rl_games", "tensorboardX", "torch", "warp"]

REPORT = """
import json, sys
from igx.cli import app
code = app.run({arguments})
heavy = [name for name in {heavy} if name in sys.modules]
print("\\n" + json.dumps([code, heavy]))
"""


def heavy_after(code: str) -> list[str]:
    """The heavy modules in a fresh process after `code`, whose last line of output is JSON: [exit code, modules]."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, heavy = json.loads(done.stdout.splitlines()[-1])
    assert exit_code == 0, done.stderr
    return heavy


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["list-tasks"], ["list-tasks", "--json"], ["plugins"], ["plugins", "igx"]],
)
def test_a_command_that_only_lists_imports_nothing_heavy(arguments: list[str]) -> None:
    assert heavy_after(REPORT.format(arguments=arguments, heavy=HEAVY)) == []


def test_listing_runs_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("sim:\n  device: cpu\nrun:\n  task: ant\n  agent: ppo\n")
    arguments = ["runs", "--runs-dir", str(tmp_path)]
    assert heavy_after(REPORT.format(arguments=arguments, heavy=HEAVY)) == []
    arguments = ["runs", "diff", "a", "a", "--runs-dir", str(tmp_path)]
    assert heavy_after(REPORT.format(arguments=arguments, heavy=HEAVY)) == []


@pytest.mark.parametrize("words", [["igx", "tr"], ["igx", "list-tasks", "--"], ["igx", "plugins", "tasks"]])
def test_completing_a_word_imports_nothing_heavy(words: list[str]) -> None:
    shell = {"_IGX_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    code = f"""
import json, os, sys
from contextlib import suppress
from igx.cli import app
os.environ.update({shell})
with suppress(SystemExit):
    app.run([])
print(json.dumps([0, [name for name in {HEAVY} if name in sys.modules]]))
"""
    assert heavy_after(code) == []


@pytest.mark.parametrize(
    "statement", ["import igx", "import igx.plugins", "from igx import IgxError", "dir(__import__('igx'))"]
)
def test_importing_igx_imports_nothing_heavy(statement: str) -> None:
    code = f"import json, sys\n{statement}\nprint(json.dumps([0, [name for name in {HEAVY} if name in sys.modules]]))"
    assert heavy_after(code) == []
