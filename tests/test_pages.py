"""README and guides tell the truth: their programs run, the README's ant is the ant, its commands and files exist."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ANT = ROOT / "plugins/tasks_locomotion/src/igx_tasks_locomotion/ant.py"


GUIDES = {page.name: page.read_text() for page in (ROOT / "docs").glob("*.md")}


def _blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def _without_docstrings(source: str) -> list[str]:
    """The classes in `source`, as normalised text."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    for node in [inner for outer in classes for inner in ast.walk(outer)]:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            del node.body[0]
    return [ast.unparse(node) for node in classes]


PROGRAMS = [
    pytest.param(block, id=f"{name}-{number}")
    for name, text in {"README.md": README, **GUIDES}.items()
    for number, block in enumerate(_blocks("python", text))
    if block.startswith(("import", "from"))
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run(program: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program)
    result = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_its_ant_is_the_ant() -> None:
    [shown] = [block for block in _blocks("python") if block.startswith("class AntConfig")]
    assert _without_docstrings(shown) == _without_docstrings(ANT.read_text())


def test_its_commands_are_those_of_igx() -> None:
    described = set(re.findall(r"^\| `igx ([a-z0-9-]+)", README, flags=re.MULTILINE))
    printed = subprocess.run(
        [Path(sys.executable).with_name("igx"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert described == set(re.findall(r"^  ([a-z][a-z0-9-]*)  ", printed, flags=re.MULTILINE))


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
