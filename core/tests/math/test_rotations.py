"""Rotations, against MuJoCo's own functions in float64 and against each other."""

import math
from collections.abc import Callable

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from igx.math import (
    angle_between,
    axis_angle_from_quat,
    cos_between,
    pitch,
    quat_conjugate,
    quat_from_axis_angle,
    quat_from_euler,
    quat_from_rotation_vector,
    quat_from_xyzw,
    quat_multiply,
    roll,
    rotate,
    rotate_inverse,
    upright,
    wrap_to_pi,
    yaw,
    yaw_quat,
)

IDENTITY = torch.tensor([1.0, 0.0, 0.0, 0.0])
X, Y, Z = torch.eye(3)


def random_quats(count: int = 200, seed: int = 0) -> Tensor:
    quat = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(quat, dim=-1)


def random_vectors(count: int = 200, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))


def by_mujoco(function: Callable[..., object], width: int, *arguments: Tensor) -> np.ndarray:
    """What a function of MuJoCo's writes for each row of the arguments, in float64."""
    rows = [argument.double().numpy() for argument in arguments]
    results = np.zeros((len(rows[0]), width))
    for result, *given in zip(results, *rows, strict=True):
        function(result, *given)
    return results


def close(value: Tensor, expected: object, *, atol: float = 2e-6) -> None:
    np.testing.assert_allclose(value.numpy(), np.asarray(expected), atol=atol, rtol=1e-5)


def same_rotation(a: Tensor, b: Tensor) -> bool:
    """Whether two quaternions turn alike; `-q` is the same rotation as `q`."""
    return bool(((a * b).sum(-1).abs() > 1.0 - 1e-6).all())


# Quaternions.


def test_products_are_mujocos() -> None:
    a, b = random_quats(seed=1), random_quats(seed=2)
    close(quat_multiply(a, b), by_mujoco(mujoco.mju_mulQuat, 4, a, b))


def test_a_product_applies_the_right_one_first() -> None:
    quarter = torch.tensor(math.pi / 2)
    about_x, about_z = quat_from_axis_angle(X, quarter), quat_from_axis_angle(Z, quarter)
    close(rotate(quat_multiply(about_z, about_x), Y), Z)
    close(rotate(quat_multiply(about_x, about_z), Y), -X)


def test_conjugates_are_mujocos_and_undo() -> None:
    quat = random_quats()
    close(quat_conjugate(quat), by_mujoco(mujoco.mju_negQuat, 4, quat))
    close(quat_multiply(quat, quat_conjugate(quat)), IDENTITY.expand_as(quat))


def test_scalar_last_quaternions_are_reordered() -> None:
    assert (
        quat_from_xyzw(torch.tensor([[0.1, 0.2, 0.3, 0.9]])).tolist() == torch.tensor([[0.9, 0.1, 0.2, 0.3]]).tolist()
    )


# Turning vectors.


def test_turned_vectors_are_mujocos() -> None:
    quat, vector = random_quats(), random_vectors()
    close(rotate(quat, vector), by_mujoco(mujoco.mju_rotVecQuat, 3, vector, quat), atol=5e-6)


def test_turning_back_undoes_turning() -> None:
    quat, vector = random_quats(), random_vectors()
    close(rotate_inverse(quat, rotate(quat, vector)), vector, atol=5e-6)
    close(rotate_inverse(quat, vector), rotate(quat_conjugate(quat), vector), atol=5e-6)


def test_the_identity_turns_nothing() -> None:
    vector = random_vectors()
    assert torch.equal(rotate(IDENTITY.expand(200, 4), vector), vector)


def test_half_a_turn_mirrors_in_its_axis() -> None:
    half_turn = torch.tensor([0.0, 0.0, 0.0, 1.0])
    close(rotate(half_turn, torch.tensor([1.0, 2.0, 3.0])), [-1.0, -2.0, 3.0])
    close(rotate(-half_turn, torch.tensor([1.0, 2.0, 3.0])), [-1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    ("of_quat", "of_vector", "of_result"),
    [
        ((), (), ()),
        ((5,), (), (5,)),
        ((5,), (5,), (5,)),
        ((), (5,), (5,)),
        ((5, 2), (), (5, 2)),
        ((5, 2), (5, 2), (5, 2)),
        ((5, 1), (5, 2), (5, 2)),
        ((5, 2), (2,), (5, 2)),
    ],
)
def test_batches_of_any_shape_are_turned_row_by_row(
    of_quat: tuple[int, ...], of_vector: tuple[int, ...], of_result: tuple[int, ...]
) -> None:
    quat = random_quats(math.prod(of_quat)).view(*of_quat, 4)
    vector = random_vectors(math.prod(of_vector)).view(*of_vector, 3)
    turned = rotate(quat, vector)
    assert turned.shape == (*of_result, 3)
    rows = rotate(quat.expand(*of_result, 4).reshape(-1, 4), vector.expand(*of_result, 3).reshape(-1, 3))
    close(turned.reshape(-1, 3), rows)


# Axis and angle.


def test_quaternions_from_axis_and_angle_are_mujocos() -> None:
    axis, angle = torch.nn.functional.normalize(random_vectors(), dim=-1), torch.linspace(-7.0, 7.0, 200)
    pairs = torch.cat([axis, angle[:, None]], dim=-1)

    def quaternion(result: np.ndarray, pair: np.ndarray) -> None:
        mujoco.mju_axisAngle2Quat(result, pair[:3], pair[3])

    close(quat_from_axis_angle(axis, angle), by_mujoco(quaternion, 4, pairs))


def test_rotation_vectors_are_mujocos() -> None:
    quat = random_quats()

    def rotation_vector(result: np.ndarray, quat: np.ndarray) -> None:
        mujoco.mju_quat2Vel(result, quat, 1.0)

    close(axis_angle_from_quat(quat), by_mujoco(rotation_vector, 3, quat), atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-6, 1e-3, 1.0, math.pi - 1e-3])
def test_rotation_vectors_lead_back_to_their_angle(angle: float) -> None:
    quat = quat_from_axis_angle(Y, torch.tensor(angle))
    for same in (quat, -quat):
        close(axis_angle_from_quat(same), [0.0, angle, 0.0], atol=1e-6 if angle > 1e-3 else 1e-3 * angle)


def test_half_a_turn_has_the_angle_pi_about_either_end_of_its_axis() -> None:
    vectors = axis_angle_from_quat(torch.tensor([[0.0, 1.0, 0.0, 0.0], [-0.0, 0.0, -1.0, 0.0]]))
    close(vectors, [[math.pi, 0.0, 0.0], [0.0, -math.pi, 0.0]])


def test_the_angle_between_orientations_is_that_of_the_way_from_one_to_the_other() -> None:
    start, angle = random_quats(), torch.linspace(0.0, math.pi, 200)
    turn = quat_from_axis_angle(torch.nn.functional.normalize(random_vectors(), dim=-1), angle)
    close(angle_between(start, quat_multiply(turn, start)), angle, atol=2e-3)
    close(angle_between(start, -start), torch.zeros(200), atol=1e-3)


def test_no_rotation_vector_has_a_gradient_that_is_no_number() -> None:
    quat = torch.stack([IDENTITY, torch.tensor([0.0, 1.0, 0.0, 0.0])]).requires_grad_()
    axis_angle_from_quat(quat).sum().backward()
    assert quat.grad is not None
    assert quat.grad.isfinite().all()


# Roll, pitch and yaw.


def test_angles_about_fixed_axes_are_mujocos() -> None:
    angles = random_vectors() * 2.0

    def of_fixed_axes(result: np.ndarray, angles: np.ndarray) -> None:
        mujoco.mju_euler2Quat(result, angles, "XYZ")

    assert same_rotation(
        quat_from_euler(*angles.unbind(-1)),
        torch.tensor(by_mujoco(of_fixed_axes, 4, angles), dtype=torch.float32),
    )


def test_roll_pitch_and_yaw_lead_back_to_the_orientation() -> None:
    quat = random_quats()
    assert same_rotation(quat_from_euler(roll(quat), pitch(quat), yaw(quat)), quat)
    assert (pitch(quat).abs() <= math.pi / 2 + 1e-6).all()


def test_roll_pitch_and_yaw_are_the_angles_they_were_made_of() -> None:
    generator = torch.Generator().manual_seed(3)
    angles = (torch.rand(200, 3, generator=generator) - 0.5) * torch.tensor([6.2, 3.0, 6.2])
    quat = quat_from_euler(*angles.unbind(-1))
    close(torch.stack([roll(quat), pitch(quat), yaw(quat)], dim=-1), angles, atol=1e-5)


def test_looking_straight_up_has_a_pitch_of_a_right_angle_and_no_angle_that_is_no_number() -> None:
    up = torch.tensor([0.5**0.5, 0.0, -(0.5**0.5), 0.0]) * (1.0 + 1e-6)  # rounding may take it beyond a unit
    close(pitch(up), -math.pi / 2, atol=2e-3)
    assert torch.stack([roll(up), yaw(up)]).isfinite().all()


def test_the_heading_alone_is_what_is_left_without_roll_and_pitch() -> None:
    angles = torch.tensor([[0.3, -0.4, 2.0], [0.0, 0.0, -3.0], [-1.0, 1.0, 0.0]])
    heading = yaw_quat(quat_from_euler(*angles.unbind(-1)))
    close(yaw(heading), angles[:, 2], atol=1e-5)
    assert not heading[:, 1:3].any()
    close(heading.norm(dim=-1), torch.ones(3))


# Angles and directions.


@pytest.mark.parametrize(
    ("angle", "wrapped"),
    [
        (0.0, 0.0),
        (3.0, 3.0),
        (-3.0, -3.0),
        (4.0, 4.0 - 2.0 * math.pi),
        (-4.0, 2.0 * math.pi - 4.0),
        (20.0 * math.pi + 0.5, 0.5),
        (-20.0 * math.pi - 0.5, -0.5),
    ],
)
def test_an_angle_is_wrapped_to_one_turn(angle: float, wrapped: float) -> None:
    close(wrap_to_pi(torch.tensor(angle)), wrapped, atol=1e-5)


def test_half_a_turn_is_wrapped_to_its_negative_end() -> None:
    close(wrap_to_pi(torch.tensor([math.pi, -math.pi, 3.0 * math.pi], dtype=torch.float64)), [-math.pi] * 3)


def test_the_cosine_between_vectors_is_that_of_their_angle() -> None:
    angle = torch.linspace(0.0, math.pi, 50)
    a = torch.stack([torch.ones(50), torch.zeros(50)], dim=-1)
    b = 7.0 * torch.stack([angle.cos(), angle.sin()], dim=-1)
    close(cos_between(a, b), angle.cos())
    close(cos_between(a, 3.0 * a), torch.ones(50))


@pytest.mark.parametrize("length", [1e-9, 1e-6, 1e3, 1e15])
def test_the_cosine_does_not_depend_on_lengths(length: float) -> None:
    close(cos_between(length * torch.tensor([1.0, 1.0]), length * torch.tensor([1.0, 0.0])), 0.5**0.5)


def test_the_cosine_with_nothing_is_zero() -> None:
    assert cos_between(torch.zeros(2, 3), torch.ones(2, 3)).tolist() == [0.0, 0.0]
    assert cos_between(torch.zeros(3), torch.zeros(3)) == 0.0


def test_upright_is_the_height_of_the_turned_z_axis() -> None:
    quat = random_quats()
    torch.testing.assert_close(upright(quat), rotate(quat, Z)[:, 2])
    assert upright(IDENTITY) == 1.0


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.0], [1e-7, 0.0, 0.0], [0.3, -1.2, 0.5], [0.0, 3.1, 0.0]])
def test_a_rotation_vector_and_its_quaternion_say_the_same(vector: list[float]) -> None:
    quat = quat_from_rotation_vector(torch.tensor(vector))
    assert quat.norm().item() == pytest.approx(1.0)
    assert axis_angle_from_quat(quat).tolist() == pytest.approx(vector, abs=1e-6)
