"""The AMP humanoid's tree of bodies, as clips name them; a test compares it with the model of igx-assets."""

import numpy as np

_ARM, _LEG = ("upper_arm", "lower_arm", "hand"), ("thigh", "shin", "foot")

BODY_NAMES = (
    *("pelvis", "torso", "head"),
    *(f"{side}_{part}" for limb in (_ARM, _LEG) for side in ("right", "left") for part in limb),
)
PARENTS = (-1, 0, 1, 1, 3, 4, 1, 6, 7, 0, 9, 10, 0, 12, 13)
OFFSETS = np.array(
    [
        *([0.0, 0.0, 0.0], [0.0, 0.0, 0.236151], [0.0, 0.0, 0.223894]),
        *([-0.02405, -0.18311, 0.2435], [0.0, 0.0, -0.274788], [0.0, 0.0, -0.258947]),
        *([-0.02405, 0.18311, 0.2435], [0.0, 0.0, -0.274788], [0.0, 0.0, -0.258947]),
        *([0.0, -0.084887, 0.0], [0.0, 0.0, -0.421546], [0.0, 0.0, -0.40987]),
        *([0.0, 0.084887, 0.0], [0.0, 0.0, -0.421546], [0.0, 0.0, -0.40987]),
    ]
)
"""Origins of the bodies in their parents [m]."""

SOLE = 0.05
"""From a foot's origin down to the sole of its box [m]."""

KEY_BODIES = ("right_hand", "left_hand", "right_foot", "left_foot")
"""Bodies whose positions are observed, in this order."""
