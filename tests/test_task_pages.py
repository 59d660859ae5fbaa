"""The pages of the tasks are what the tasks say of themselves; `make docs` writes them."""

import importlib.util
from pathlib import Path

import pytest

from igx.plugins import load_plugins

DOCS = Path(__file__).parents[1] / "docs"
PLUGINS = load_plugins()
TASKS = [offer.spec for offer in PLUGINS.tasks.items()]

_spec = importlib.util.spec_from_file_location("write_task_pages", DOCS / "write_task_pages.py")
assert _spec is not None
assert _spec.loader is not None
pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pages)


@pytest.mark.parametrize("spec", TASKS, ids=lambda spec: spec.name)
def test_a_page_is_up_to_date_and_has_a_picture(spec: object) -> None:
    name = getattr(spec, "name", "")
    assert (DOCS / "tasks" / f"{name}.md").read_text() == pages.page(spec, PLUGINS)
    picture = DOCS / "tasks" / f"{name}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 100_000


def test_the_list_of_tasks_is_up_to_date() -> None:
    assert (DOCS / "tasks.md").read_text() == pages.index(TASKS)
    assert {page.stem for page in (DOCS / "tasks").glob("*.md")} == {spec.name for spec in TASKS}
