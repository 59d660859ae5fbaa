"""From where somebody's joints were to a motion of the AMP humanoid, whose limbs have lengths of their own.

Trunk and limbs are turned as the lines between the joints, and paths are as much longer or shorter as the legs are.
Then feet are held: an end of a sole that stands stays where it is, none goes into the ground, and legs follow by
two-link inverse kinematics.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from igx.errors import suggest
from igx_algo_amp import quaternions
from igx_algo_amp.humanoid import BODY_NAMES, OFFSETS, PARENTS
from igx_algo_amp.limbs import SHIN, THIGH, ends_of_sole, reach, turned_to, unit
from igx_algo_amp.motions import Floats, Motion, MotionError

SIDES = ("right", "left")
LANDMARKS = (
    *("spine", "neck", "head"),
    *(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe")),
)
"""What has to be known: where the spine begins to bend, where neck and head are joined on, and each limb's joints."""

_FPS = 60.0
_STANDS_BELOW, _STANDS_SLOWER = 0.035, 0.45  # height [m] and speed [m/s] of the lower end of a sole that stands
_CLEARANCE = 0.03  # of a sole from the ground, at least, in a swing [m]
_SHORTEST = 8  # of a stance and of a swing [frames]
_LEFT = np.array([0.0, 1.0, 0.0])


def retarget(
    landmarks: Mapping[str, Floats], *, rest: Mapping[str, Floats], fps: float, name: str, source: str, licence: str
) -> Motion:
    """The humanoid's motion that is most like that of somebody's joints.

    Args:
        landmarks: positions of `LANDMARKS` in a world whose z axis points up [m], shape `[frames, 3]` each.
        rest: positions of them when that somebody stands upright with flat feet, facing x, shape `[3]` each.
        fps: frames a second.
        name, source, licence: of the motion.
    """
    points = _scaled(_ahead({joint: _at_60_fps(landmarks[joint], fps) for joint in LANDMARKS}))
    upright = {joint: np.asarray(rest[joint], dtype=np.float64)[None] for joint in LANDMARKS}
    rotations = np.zeros((len(points["spine"]), len(BODY_NAMES), 4))
    rotations[..., 0] = 1.0
    trunk = [_against_rest(now, then) for now, then in zip(_trunk(points), _trunk(upright), strict=True)]
    for body, turn, parent in zip(("pelvis", "torso", "head"), trunk, (None, *trunk[:2]), strict=True):
        _set(rotations, body, turn if parent is None else _relative(parent, turn))
    for side in SIDES:
        _bend_arm(rotations, points, side, trunk[1])
    root_pos = _middle_of_hips(points)
    lefts = {side: _knee_axis(points, side, trunk[0]) for side in SIDES}
    soles = {side: _sole(points, upright, side, lefts[side]) for side in SIDES}
    lowest = min(float(np.percentile(_lower_end(points[f"{s}_ankle"], soles[s])[:, 2], 5)) for s in SIDES)
    root_pos[:, 2] -= lowest
    ankles = {side: _held(points[f"{side}_ankle"] - [0.0, 0.0, lowest], soles[side]) for side in SIDES}
    hips = {side: quaternions.rotate(trunk[0], OFFSETS[BODY_NAMES.index(f"{side}_thigh")]) for side in SIDES}
    root_pos[:, 2] -= _too_high({side: ankles[side] - hips[side] - root_pos for side in SIDES})
    for side in SIDES:
        way = ankles[side] - hips[side] - root_pos
        _bend_leg(rotations, side, way=way, left=lefts[side], sole=soles[side])
    return Motion(
        name=name,
        fps=_FPS,
        body_names=BODY_NAMES,
        parents=PARENTS,
        offsets=OFFSETS,
        root_pos=root_pos,
        rotations=rotations,
        source=source,
        licence=licence,
    )


def retarget_motion(motion: Motion, bodies: Mapping[str, str]) -> Motion:
    """The humanoid's motion that is most like that of another tree of bodies.

    In the zero pose that other one must stand upright with flat feet, wherever it looks then.

    Args:
        motion: of the other one.
        bodies: by each of `LANDMARKS`, the body of it that is joined on there.

    Raises:
        MotionError: one of `LANDMARKS` has no body, or there is no such body.
    """
    for landmark in (*LANDMARKS, *bodies):
        if landmark not in bodies:
            raise MotionError(f"Nothing says which body of {motion.name!r} is at the landmark {landmark!r}.")
        if landmark not in LANDMARKS:
            raise MotionError(f"There is no landmark {landmark!r}.{suggest(landmark, LANDMARKS)}")
        if bodies[landmark] not in motion.body_names:
            known = suggest(bodies[landmark], motion.body_names)
            raise MotionError(f"{landmark}: {motion.name!r} has no body {bodies[landmark]!r}.{known}")
    return retarget(
        _places(motion, bodies),
        rest={landmark: place[0] for landmark, place in _places(_at_rest(motion, bodies), bodies).items()},
        fps=motion.fps,
        name=motion.name,
        source=f"{motion.source}, retargeted by igx_algo_amp",
        licence=motion.licence,
    )


def _places(motion: Motion, bodies: Mapping[str, str]) -> dict[str, Floats]:
    positions, _ = motion.poses()
    return {landmark: positions[:, motion.body_names.index(body)] for landmark, body in bodies.items()}


def _at_rest(motion: Motion, bodies: Mapping[str, str]) -> Motion:
    """The other one in its zero pose, turned upright and so that it faces x."""
    still = np.zeros((2, len(motion.body_names), 4))
    still[..., 0] = 1.0
    pose = dataclasses.replace(motion, root_pos=np.zeros((2, 3)), rotations=still, loop=False)
    height = _places(pose, bodies)["head"][0] - _places(pose, bodies)["left_toe"][0]
    upright = quaternions.about("x", np.array(0.5 * np.pi if height[1] > height[2] else 0.0))
    across = quaternions.rotate(upright, _places(pose, bodies)["left_hip"][0] - _places(pose, bodies)["right_hip"][0])
    ahead = quaternions.about("z", np.array(-np.arctan2(-across[0], across[1])))
    still[:, 0] = quaternions.multiply(ahead, upright)
    return dataclasses.replace(pose, rotations=still)


# Before: other times, another size, another direction.


def _at_60_fps(points: Floats, fps: float) -> Floats:
    """The same path at 60 frames a second, along cubic curves through the points."""
    places = np.arange(0.0, len(points) - 1, fps / _FPS)
    before = places.astype(int)
    share = (places - before)[:, None]
    rates = np.gradient(points, axis=0)
    start, end = points[before], points[before + 1]
    square, cube = share**2, share**3
    return (
        (1.0 - 3.0 * square + 2.0 * cube) * start
        + (share - 2.0 * square + cube) * rates[before]
        + (3.0 * square - 2.0 * cube) * end
        + (cube - square) * rates[before + 1]
    )


def _middle_of_hips(points: Mapping[str, Floats]) -> Floats:
    return 0.5 * (points["right_hip"] + points["left_hip"])


def _ahead(points: Mapping[str, Floats]) -> dict[str, Floats]:
    """The same from above the origin, and along x as a whole, or facing it where nobody gets anywhere."""
    path = _middle_of_hips(points)
    across = points["left_hip"][0] - points["right_hip"][0]
    way = path[-1] - path[0]
    x, y = way[:2] if np.hypot(*way[:2]) > 0.5 else (across[1], -across[0])
    back = quaternions.about("z", -np.arctan2(y, x))
    start = path[0] * [1.0, 1.0, 0.0]
    return {joint: quaternions.rotate(back, place - start) for joint, place in points.items()}


def _scaled(points: Mapping[str, Floats]) -> dict[str, Floats]:
    """The same with legs as long as the humanoid's."""
    lengths = [
        np.linalg.norm(points[f"{side}_{upper}"] - points[f"{side}_{lower}"], axis=-1)
        for side in SIDES
        for upper, lower in (("hip", "knee"), ("knee", "ankle"))
    ]
    factor = 2.0 * (THIGH + SHIN) / float(np.sum(lengths, axis=0).mean())
    return {joint: factor * place for joint, place in points.items()}


# Trunk and arms.


def _trunk(points: Mapping[str, Floats]) -> list[Floats]:
    """Rotations of pelvis, torso and head in the world, but for how these are turned at rest."""
    shoulders = points["left_shoulder"] - points["right_shoulder"]
    return [
        turned_to(left=points["left_hip"] - points["right_hip"], up=points["spine"] - _middle_of_hips(points)),
        turned_to(left=shoulders, up=points["neck"] - points["spine"]),
        turned_to(left=shoulders, up=points["head"] - points["neck"]),
    ]


def _against_rest(now: Floats, rest: Floats) -> Floats:
    return quaternions.multiply(now, quaternions.conjugate(rest))


def _bend_arm(rotations: Floats, points: Mapping[str, Floats], side: str, torso: Floats) -> None:
    upper = points[f"{side}_elbow"] - points[f"{side}_shoulder"]
    lower = points[f"{side}_wrist"] - points[f"{side}_elbow"]
    arm, bent = _hinged(upper, lower, straight=quaternions.rotate(torso, _LEFT), sign=-1.0)
    _set(rotations, f"{side}_upper_arm", _relative(torso, arm))
    _set(rotations, f"{side}_lower_arm", quaternions.about("y", -bent))


def _hinged(upper: Floats, lower: Floats, *, straight: Floats, sign: float) -> tuple[Floats, Floats]:
    """Rotation of the upper half of a limb, which points down, and how far its hinge about y is bent [rad].

    Args:
        upper, lower: along the two halves, shape `[frames, 3]`.
        straight: about which it would bend, where it is straight, and so does not tell.
        sign: 1 if it bends about y, -1 if against it.
    """
    upper, lower = unit(upper), unit(lower)
    left = _hinge(upper, lower, straight=straight, sign=sign)
    bent = np.arccos(np.clip((upper * lower).sum(-1), -1.0, 1.0))
    return turned_to(left=left - (left * upper).sum(-1, keepdims=True) * upper, up=-upper), bent


def _hinge(upper: Floats, lower: Floats, *, straight: Floats, sign: float) -> Floats:
    """About which a limb bends: what its halves say, the more they are bent."""
    return sign * np.cross(unit(upper), unit(lower)) + 0.15 * straight


# Legs.


def _bend_leg(rotations: Floats, side: str, *, way: Floats, left: Floats, sole: Floats) -> None:
    thigh, knee = reach(way, left=left)
    bend = quaternions.about("y", knee)
    _set(rotations, f"{side}_thigh", _relative(rotations[:, 0], thigh))
    _set(rotations, f"{side}_shin", bend)
    _set(rotations, f"{side}_foot", _relative(quaternions.multiply(thigh, bend), sole))


def _knee_axis(points: Mapping[str, Floats], side: str, pelvis: Floats) -> Floats:
    upper = points[f"{side}_knee"] - points[f"{side}_hip"]
    lower = points[f"{side}_ankle"] - points[f"{side}_knee"]
    return _hinge(upper, lower, straight=quaternions.rotate(pelvis, _LEFT), sign=1.0)


def _sole(points: Mapping[str, Floats], rest: Mapping[str, Floats], side: str, left: Floats) -> Floats:
    """Rotations of a foot in the world: as level from side to side as can be, and flat at rest."""
    forward = points[f"{side}_toe"] - points[f"{side}_ankle"]
    flat = (rest[f"{side}_toe"] - rest[f"{side}_ankle"])[0]
    down_at_rest = np.arctan2(-flat[2], np.hypot(flat[0], flat[1]))
    x = unit(forward)
    level = np.cross([0.0, 0.0, 1.0], x) + 0.5 * left * [1.0, 1.0, 0.0]  # which a foot that points down has none of
    y = unit(level - (level * x).sum(-1, keepdims=True) * x)
    turned = quaternions.from_matrix(np.stack([x, y, np.cross(x, y)], axis=-1))
    return quaternions.multiply(turned, quaternions.about("y", -down_at_rest))


def _lower_end(ankle: Floats, sole: Floats) -> Floats:
    heel, toe = ends_of_sole(ankle, sole)
    return np.where((heel[:, 2] < toe[:, 2])[:, None], heel, toe)


def _held(ankle: Floats, sole: Floats) -> Floats:
    """An ankle's path, changed so that the lower end of a sole that stands stays where it is, on the ground."""
    end = _lower_end(ankle, sole)
    heel, toe = ends_of_sole(ankle, sole)
    on_heel = heel[:, 2] < toe[:, 2]
    steps = np.where(on_heel[1:, None], np.diff(heel, axis=0), np.diff(toe, axis=0))
    steps = np.concatenate([steps[:1], steps])
    stands = (end[:, 2] < _STANDS_BELOW) & (np.linalg.norm(steps[:, :2], axis=-1) * _FPS < _STANDS_SLOWER)
    stands = _lasting(~_lasting(~stands, _SHORTEST), _SHORTEST)
    moved = np.zeros_like(ankle)
    for frame in range(len(ankle)):
        if stands[frame]:
            goes_on = frame > 0 and stands[frame - 1]
            moved[frame, :2] = moved[frame - 1, :2] - steps[frame, :2] if goes_on else 0.0
            moved[frame, 2] = -end[frame, 2]
    steps_done = np.flatnonzero(stands)
    frames = np.arange(len(ankle))
    if len(steps_done):
        moved = np.stack([np.interp(frames, steps_done, column[steps_done]) for column in moved.T], axis=-1)
    moved[:, 2] = np.maximum(moved[:, 2], _CLEARANCE * _swing(stands) - end[:, 2])
    return ankle + moved


def _lasting(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Where `mask` is true for at least so many frames on end."""
    changes = np.flatnonzero(
        np.diff(mask, prepend=False)
    )  # where it becomes true, then where it no longer is, and so on
    lasting = mask.copy()
    for first, last in zip(changes[::2], np.append(changes[1::2], len(mask)), strict=False):
        lasting[first:last] = last - first >= frames
    return lasting


def _swing(stands: NDArray[np.bool_]) -> Floats:
    """How far a foot is on its way between two stances: 0 where it stands, and 1 from a few frames away on."""
    known = np.flatnonzero(stands)
    away = np.abs(np.arange(len(stands))[:, None] - known).min(axis=1, initial=_SHORTEST)
    return np.sin(0.5 * np.pi * away / _SHORTEST)


def _too_high(ways: Mapping[str, Floats]) -> Floats:
    """How much lower the root has to be so that no leg is stretched beyond 99 % of its length [m], shape `[frames]`."""
    longest = 0.99 * (THIGH + SHIN)
    drops = [
        -way[:, 2] - np.sqrt(np.maximum(longest**2 - way[:, 0] ** 2 - way[:, 1] ** 2, 0.01)) for way in ways.values()
    ]
    needed = np.maximum(np.max(drops, axis=0), 0.0)
    reach_frames = 6
    padded = np.pad(needed, 2 * reach_frames, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach_frames + 1)
    return np.lib.stride_tricks.sliding_window_view(windows.max(-1), 2 * reach_frames + 1).mean(-1)


def _relative(parent: Floats, child: Floats) -> Floats:
    return quaternions.multiply(quaternions.conjugate(parent), child)


def _set(rotations: Floats, body: str, values: Floats) -> None:
    rotations[:, BODY_NAMES.index(body)] = values
