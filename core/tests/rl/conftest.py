"""Lets the tests here import the environment that they share, `point_mass`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
