"""What the tests of settings share; see `hop`."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # so that the tests can import `hop`

from hop import Compose, install
from installed import Distributions


@pytest.fixture
def composed(distributions: Distributions) -> Compose:
    """Composes settings of the task `hop`."""
    install(distributions)
    return Compose()
