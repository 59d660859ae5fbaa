"""What core's tests share: distributions on a temporary path, and the `igx` program among them; see `installed`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # so that the tests can import `installed`

from installed import Distributions, Program


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distributions]:
    """A folder on the import path to install distributions into; their modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield Distributions(folder)
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def igx(distributions: Distributions) -> Program:
    """The program, called with its arguments."""
    return Program(distributions)


@pytest.fixture(scope="session")
def program_at() -> Callable[[Path], Program]:
    """Makes programs that the tests of a module share, with a folder of distributions each."""
    return lambda folder: Program(Distributions(folder))
