"""What a step does: rewards, ends and restarts of episodes, observations, metrics, and what it keeps."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    JointPosition,
    Task,
    VecEnv,
    group,
    metric,
    observation,
    on_reset,
    remembered,
    reward,
    shared,
    termination,
    terms,
)
from igx.errors import TaskError
from igx.testing import static

Simulated = Callable[..., VecEnv]


class Cart(Task):
    """A cart on a rail; beyond 2 m the episode ends."""

    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=10.0)

    @observation
    def cart_pos(self) -> Tensor:
        """Where the cart is [m]."""
        return self.robot.joint_pos[:, 0]

    @termination
    def off(self) -> Tensor:
        return self.cart_pos().abs() > 2.0


def at(*positions: float) -> dict[str, Any]:
    """Carts at these positions, poles upright."""
    return {"joint_pos": [[pos, 0.0] for pos in positions]}


class Learned(Cart):
    """What it sees and is paid comes from a network, as a learned dynamics model or discriminator would be used."""

    def setup(self) -> None:
        self.net = torch.nn.Linear(2, 1)

    @remembered
    def guess(self) -> Tensor:
        return self.net(self.robot.joint_pos)

    seen = observation(lambda task: task.guess())
    paid = reward(lambda task: task.guess()[:, 0])


def test_terms_may_use_a_network_of_the_task_s_own_without_being_learned_through() -> None:
    placed = static(Learned, num_envs=2, **at(1.0, -1.0))
    step = placed.step()
    expected = placed.task.net(placed.task.robot.joint_pos).detach()
    assert torch.allclose(step.obs["policy"][:, 1:], expected)
    assert torch.allclose(step.reward, expected[:, 0])
    assert not step.obs["policy"].requires_grad


# Rewards.


class Paid(Cart):
    place = reward(lambda task: task.cart_pos(), weight=2.0)
    bonus = reward(terms.alive, weight=0.5)


def test_the_reward_is_the_weighted_sum_of_the_terms() -> None:
    step = static(Paid, num_envs=2, **at(0.25, -1.0)).step()
    assert step.reward.tolist() == [1.0, -1.5]


def test_a_task_may_make_the_reward_of_its_weighted_terms_itself() -> None:
    class Multiplied(Paid):
        def total_reward(self, weighted: Tensor) -> Tensor:
            return torch.where(self.terminated, -7.0, weighted.prod(-1))

    placed = static(Multiplied, num_envs=2, **at(0.5, 2.5))
    assert placed.step().reward.tolist() == [0.5, -7.0]
    metrics = placed.env.episode_metrics()
    assert (metrics["return"], metrics["reward/place"], metrics["reward/bonus"]) == (-7.0, 5.0, 0.5)


def test_a_task_without_rewards_pays_nothing() -> None:
    assert static(Cart, num_envs=2).step().reward.tolist() == [0.0, 0.0]


def test_what_each_term_contributed_stands_beside_the_reward() -> None:
    placed = static(Paid, num_envs=2, **at(0.25, -1.0))
    placed.step()
    assert placed.env.program.weighted_terms.tolist() == [[0.5, 0.5], [-2.0, 0.5]]


# Metrics.


class Measured(Paid):
    distance = metric(lambda task: task.cart_pos().abs())


def test_metrics_are_means_over_exactly_the_episodes_that_ended() -> None:
    placed = static(Measured, num_envs=3, **at(0.5, 3.0, 1.0))
    placed.step()  # the second ends after one step, with 6.5; it starts again at 0
    placed.place(**at(1.0, 0.0, -4.0))
    placed.step()  # the third ends after two steps, with 2.5 - 7.5; it starts again at 0
    metrics = placed.env.episode_metrics()
    assert metrics == {
        "episodes": 2.0,
        "unstable": 0.0,
        "return": pytest.approx((6.5 + 2.5 - 7.5) / 2),
        "length": 1.5,
        "reward/place": pytest.approx((6.0 + 2.0 - 8.0) / 2),
        "reward/bonus": pytest.approx((0.5 + 0.5 + 0.5) / 2),
        "metric/distance": pytest.approx((3.0 + 1.0 + 4.0) / 3),
    }


class Finishing(Measured):
    @metric(at_end=True)
    def success(self) -> Tensor:
        return self.cart_pos() > 0.0


def test_a_metric_at_the_end_tells_the_last_step_only() -> None:
    placed = static(Finishing, num_envs=3, **at(0.5, 3.0, 1.0))
    placed.step()  # the second ends after one step, on the right
    placed.place(**at(1.0, 0.5, -4.0))
    placed.step()  # the third ends after two steps, on the left
    metrics = placed.env.episode_metrics()
    assert metrics["metric/success"] == 0.5
    assert metrics["metric/distance"] == pytest.approx((3.0 + 1.0 + 4.0) / 3)


def test_each_episode_is_told_by_itself_to_who_asks_after_every_step() -> None:
    placed = static(Finishing, num_envs=3, **at(0.5, 3.0, 1.0))
    columns = placed.env.episode_columns
    assert columns == (
        "return",
        "length",
        "reward/place",
        "reward/bonus",
        "metric/distance",
        "metric/success",
        "unstable",
    )
    placed.step()
    first = placed.env.finished_episodes()
    assert first.tolist() == [[0.0] * 7, [6.5, 1.0, 6.0, 0.5, 3.0, 1.0, 0.0], [0.0] * 7]
    placed.place(**at(1.0, 0.0, -4.0))
    placed.step()
    second = placed.env.finished_episodes()
    assert second[:2].tolist() == [[0.0] * 7] * 2
    assert second[2].tolist() == pytest.approx([2.5 - 7.5, 2.0, 2.0 - 8.0, 1.0, 2.5, 0.0, 0.0])
    assert placed.env.episode_metrics()["episodes"] == 0.0


def test_metrics_are_drained_and_running_episodes_go_on_being_counted() -> None:
    placed = static(Measured, num_envs=2, **at(0.5, 3.0))
    placed.step()
    assert placed.env.episode_metrics()["episodes"] == 1.0
    assert placed.env.episode_metrics() == {"episodes": 0.0, "unstable": 0.0}
    placed.step()
    placed.place(**at(-3.0, 0.0))
    placed.step()
    metrics = placed.env.episode_metrics()
    assert (metrics["episodes"], metrics["length"], metrics["return"]) == (1.0, 3.0, pytest.approx(1.5 + 1.5 - 5.5))


def test_building_and_resetting_count_no_episodes() -> None:
    class Short(Measured):
        ends = termination(lambda task: torch.ones_like(task.terminated))

    placed = static(Short, settings={"episode_steps": 1})
    assert placed.env.episode_metrics() == {"episodes": 0.0, "unstable": 0.0}
    placed.step()
    placed.env.reset()
    assert placed.env.episode_metrics()["episodes"] == 1.0


def test_a_reset_from_outside_forgets_the_running_episode() -> None:
    placed = static(Measured, **at(0.5))
    placed.step()
    placed.env.reset()
    placed.place(**at(3.0))
    placed.step()
    metrics = placed.env.episode_metrics()
    assert (metrics["length"], metrics["return"]) == (1.0, 6.5)


# What a task keeps of its own.


def test_a_task_brings_its_buffers_up_to_date_once_a_step_before_its_terms_look_at_them() -> None:
    class Aging(Cart):
        def setup(self) -> None:
            self.age = self.buffer("age")

        def update(self) -> None:
            self.age += 1.0

        old = termination(lambda task: task.age >= 3.0)
        aged = reward(lambda task: task.age)
        too = observation(lambda task: task.age)

        @on_reset
        def renew(self) -> None:
            self.write(self.age, 0.0)

    placed = static(Aging, num_envs=2)
    steps = [placed.step() for _ in range(4)]
    assert [step.reward.tolist() for step in steps] == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [1.0, 1.0]]
    assert [step.terminated[0].item() for step in steps] == [False, False, True, False]
    assert steps[2].obs["policy"][:, 1].tolist() == [0.0, 0.0]


# How episodes end.


def test_an_episode_is_cut_off_after_exactly_its_steps() -> None:
    placed = static(Cart, settings={"episode_steps": 3})
    assert [placed.step().truncated.item() for _ in range(7)] == [False, False, True, False, False, True, False]
    assert placed.env.episode_metrics()["length"] == 3.0


def test_an_episode_that_terminates_in_its_last_step_is_not_truncated() -> None:
    placed = static(Cart, num_envs=2, settings={"episode_steps": 2})
    placed.step()
    placed.place(**at(0.0, 3.0))
    step = placed.step()
    assert step.terminated.tolist() == [False, True]
    assert step.truncated.tolist() == [True, False]


def test_any_of_the_terminations_ends_the_episode() -> None:
    class TwoWays(Cart):
        behind = termination(lambda task: task.cart_pos() < -0.5)

    step = static(TwoWays, num_envs=3, **at(0.0, -0.75, 2.5)).step()
    assert step.terminated.tolist() == [False, True, True]


def test_a_task_sees_what_terminates_in_its_rewards_and_which_environments_restart_in_its_resets() -> None:
    class Watching(Cart):
        fell = reward(lambda task: task.terminated)

        def setup(self) -> None:
            self.seen = self.zeros(dtype=torch.bool)

        @on_reset
        def watch(self) -> None:
            self.seen.copy_(self.mask)

    placed = static(Watching, num_envs=2, **at(0.0, 3.0))
    assert placed.step().reward.tolist() == [0.0, 1.0]
    assert placed.task.seen.tolist() == [False, True]


# How episodes start.


class Scattered(Cart):
    @on_reset
    def scatter(self) -> None:
        self.robot.set_joints(pos=self.uniform(0.5, 1.0, 2), vel=self.normal(0.0, 1.0, 2))


def test_an_episode_that_ends_starts_anew_within_the_step() -> None:
    placed = static(Scattered, num_envs=2, **at(0.25, 3.0))
    step = placed.step()
    assert step.obs["policy"][0].item() == 0.25
    assert 0.5 <= step.obs["policy"][1].item() < 1.0


def test_a_reset_leaves_the_other_rows_bit_by_bit_as_they_were() -> None:
    placed = static(Scattered, num_envs=64)
    placed.place(joint_pos=[[3.0 if i % 2 else 0.1 * i / 64, 0.3] for i in range(64)])
    odd = torch.arange(64) % 2 == 1
    before = {name: placed.env.simulator.field(name).clone() for name in ("qpos", "qvel", "xpos", "cvel")}
    step = placed.step(torch.ones(1))
    assert step.terminated.tolist() == odd.tolist()
    for name, value in before.items():
        assert torch.equal(placed.env.simulator.field(name)[~odd], value[~odd]), name
    assert not (placed.env.simulator.field("qpos") == before["qpos"])[odd].any()


def test_a_restart_from_outside_touches_its_rows_only() -> None:
    class Everything(Scattered):
        noisy = observation(terms.joint_vel, noise=0.1)
        late = observation(terms.joint_pos, delay=2)
        moved = remembered(lambda task: task.robot.joint_pos)

    placed = static(Everything, num_envs=4)
    for _ in range(3):
        placed.place(joint_pos=placed.task.robot.joint_pos + 0.01)
        placed.step(torch.rand(4, 1))
    mask = torch.tensor([True, False, False, True])
    before = {name: tensor.clone() for name, tensor in placed.env.program.state_dict()["tensors"].items()}
    placed.env.program.restart(mask)
    for name, tensor in placed.env.program.state_dict()["tensors"].items():
        assert torch.equal(tensor[~mask], before[name][~mask]), name
    assert not torch.equal(placed.env.obs["policy"][mask], before["observation/policy"][mask])
    assert placed.task.episode_step.tolist() == [0, 3, 3, 0]


def test_the_environments_to_restart_may_be_named_by_the_programs_own_flags() -> None:
    placed = static(Scattered, num_envs=2, settings={"episode_steps": 1}, **at(0.25, 0.25))
    placed.step()
    program = placed.env.program
    assert program.done.tolist() == [True, True]
    before = placed.env.obs["policy"].clone()
    program.restart(program.done)
    assert not (placed.env.obs["policy"] == before).any()


def test_time_and_actions_are_zero_after_a_reset() -> None:
    placed = static(Cart, num_envs=2, **at(0.0, 0.0))
    placed.step([0.5])
    placed.place(**at(0.0, 3.0))
    placed.step([0.25])
    task = placed.task
    assert task.episode_step.tolist() == [2, 0]
    assert task.action.tolist() == [[0.25], [0.0]]
    assert task.previous_action.tolist() == [[0.5], [0.0]]
    placed.env.reset()
    assert task.episode_step.tolist() == [0, 0]
    assert task.action.tolist() == task.previous_action.tolist() == [[0.0], [0.0]]


def test_a_built_task_stands_at_the_beginning_of_an_episode() -> None:
    class Counting(Scattered):
        def setup(self) -> None:
            self.steps, self.resets = self.buffer("steps"), self.buffer("resets")
            self.level = self.buffer("level")
            self.level.fill_(3.0)

        @reward
        def counted(self) -> Tensor:
            self.steps += 1.0
            return self.steps * 0.0

        @on_reset
        def count(self) -> None:
            self.level += self.mask
            self.resets += self.mask

    task = static(Counting, num_envs=2).task  # which resets once more
    assert task.episode_step.tolist() == [0, 0]
    assert (task.steps.tolist(), task.resets.tolist(), task.level.tolist()) == ([0.0, 0.0], [2.0, 2.0], [5.0, 5.0])


# What is shared, and what is remembered.


def test_a_shared_quantity_is_computed_once_for_each_state() -> None:
    computed: list[Tensor] = []

    class Sharing(Cart):
        @shared
        def place(self) -> Tensor:
            computed.append(self.cart_pos().clone())
            return computed[-1]

        near = reward(lambda task: task.place())
        nearer = reward(lambda task: 2.0 * task.place())
        where = observation(lambda task: task.place())
        there = observation(lambda task: -task.place())

    placed = static(Sharing, num_envs=2, **at(0.5, 3.0))
    computed.clear()
    step = placed.step()
    before, after = (place.tolist() for place in computed)  # the second's episode has ended
    assert (before, after) == ([0.5, 3.0], [0.5, 0.0])
    assert step.reward.tolist() == [1.5, 9.0]
    assert step.obs["policy"][:, -2:].tolist() == [[0.5, -0.5], [0.0, 0.0]]


def test_a_function_that_is_shared_is_computed_once_for_each_task_state_and_arguments() -> None:
    computed: list[float] = []

    @shared(by=1.0)
    def moved(task: Cart, by: float) -> Tensor:
        computed.append(by)
        return task.cart_pos() + by

    class Sharing(Cart):
        near = reward(lambda task: moved(task) + moved(task, 1.0) + moved(task, 2.0))
        nearer = reward(lambda task: moved(task, 2.0))

    placed = static(Sharing, num_envs=2, **at(0.5, 0.5))
    other = static(Sharing, num_envs=2, **at(1.5, 1.5))
    computed.clear()
    assert placed.step().reward.tolist() == [8.0, 8.0]
    assert computed == [1.0, 2.0]
    assert other.step().reward.tolist() == [12.0, 12.0]


class Moving(Cart):
    @remembered
    def place(self) -> Tensor:
        return self.cart_pos()

    shift = observation(lambda task: task.place() - task.place.previous)

    @reward
    def progress(self) -> Tensor:
        return self.place() - self.place.previous


def test_a_remembered_value_is_the_one_at_the_end_of_the_last_step() -> None:
    placed = static(Moving, num_envs=2, **at(0.5, 0.0))
    assert placed.step().reward.tolist() == [0.0, 0.0]
    placed.place(**at(0.75, -1.0))
    assert placed.step().reward.tolist() == [0.25, -1.0]
    assert placed.step().reward.tolist() == [0.0, 0.0]


def test_an_episode_that_has_just_begun_remembers_its_beginning() -> None:
    placed = static(Moving, num_envs=2, **at(0.5, 0.0))
    placed.place(**at(0.75, 3.0))
    step = placed.step()
    assert step.reward.tolist() == [0.25, 3.0]
    assert step.obs["policy"][:, 1].tolist() == [0.25, 0.0]  # where the second ended is not where it began
    assert placed.step().reward.tolist() == [0.0, 0.0]


def test_a_reset_from_outside_makes_the_new_beginning_the_one_to_remember() -> None:
    placed = static(Moving, num_envs=2, **at(0.5, 1.5))
    placed.step()
    assert placed.env.reset()["policy"][:, 1].tolist() == [0.0, 0.0]
    assert placed.step().reward.tolist() == [0.0, 0.0]


def test_resets_may_look_at_what_is_remembered() -> None:
    class Curriculum(Moving):
        def setup(self) -> None:
            self.reached = self.buffer("reached")

        @on_reset
        def learn(self) -> None:
            self.write(self.reached, self.place.previous)

    placed = static(Curriculum, **at(0.5))
    placed.step()
    placed.place(**at(3.0))
    placed.step()
    assert placed.task.reached.tolist() == [0.5]


# Groups of observations.


class Grouped(Cart):
    hints = group()
    last = group(when="before_reset")

    pole_angle = observation(lambda task: task.robot.joint_pos[:, 1], group="critic")
    doubled = observation(lambda task: 2.0 * task.cart_pos(), group="hints")
    end = observation(lambda task: task.robot.joint_pos, group="last", scale=10.0)


def test_groups_are_tensors_of_their_own() -> None:
    placed = static(Grouped, joint_pos=[0.5, 0.25])
    assert placed.env.observation_widths == {"policy": 1, "critic": 1, "hints": 1, "last": 2}
    step = placed.step()
    assert {name: value.tolist() for name, value in step.obs.items()} == {
        "policy": [[0.5]],
        "critic": [[0.25]],
        "hints": [[1.0]],
    }
    assert step.last_obs["last"].tolist() == [[5.0, 2.5]]


def test_a_group_before_the_reset_shows_how_an_episode_ended_while_the_policy_sees_the_next_one() -> None:
    placed = static(Grouped, num_envs=2, joint_pos=[[0.5, 0.25], [2.5, 0.75]])
    step = placed.step()
    assert step.last_obs["last"].tolist() == [[5.0, 2.5], [25.0, 7.5]]
    assert step.obs["policy"].tolist() == [[0.5], [0.0]]
    assert step.obs["critic"].tolist() == [[0.25], [0.0]]


def test_observations_are_clipped_where_the_task_says_so() -> None:
    placed = static(Grouped, settings={"clip_observations": 0.3}, joint_pos=[0.5, -1.0])
    step = placed.step()
    assert step.obs["policy"].tolist() == [[pytest.approx(0.3)]]
    assert step.last_obs["last"].tolist() == [[pytest.approx(0.3), pytest.approx(-0.3)]]


# Noise, scale, delay.


class Blurred(Cart):
    blurred = observation(lambda task: task.robot.joint_pos + 1.0, scale=2.0)


def blurred(noise: Any, *, seed: int = 0, num_envs: int = 4096) -> Any:
    settings = {"observations": {"blurred": {"noise": noise}}}
    return static(Blurred, num_envs=num_envs, seed=seed, settings=settings)


def test_without_noise_an_observation_is_exact() -> None:
    assert blurred(None).step().obs["policy"][:, 1:].unique().tolist() == [2.0]
    assert blurred(0.0).step().obs["policy"][:, 1:].unique().tolist() == [2.0]


def test_uniform_noise_has_its_half_width_and_is_scaled_with_the_value() -> None:
    placed = blurred(0.1)
    noise = torch.cat([placed.step().obs["policy"][:, 1:] / 2.0 - 1.0 for _ in range(3)])
    assert noise.abs().max() <= 0.1 + 1e-6
    assert noise.abs().max() > 0.099
    assert noise.mean().item() == pytest.approx(0.0, abs=0.003)
    assert noise.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.03)
    assert torch.corrcoef(noise.T)[0, 1].abs() < 0.04


def test_gaussian_noise_has_its_standard_deviation() -> None:
    placed = blurred({"scale": 0.1, "distribution": "gaussian"})
    noise = torch.cat([placed.step().obs["policy"][:, 1:] / 2.0 - 1.0 for _ in range(3)])
    assert noise.abs().max() > 0.3
    assert noise.mean().item() == pytest.approx(0.0, abs=0.004)
    assert noise.std().item() == pytest.approx(0.1, rel=0.03)


def test_noise_is_new_in_every_step_and_in_every_environment() -> None:
    placed = blurred(0.1)
    one, other = (placed.step().obs["policy"][:, 1] for _ in range(2))
    assert one.unique().numel() > 4000
    assert not (one == other).any()


def test_noise_does_not_reach_what_other_terms_compute() -> None:
    class Exact(Blurred):
        paid = reward(lambda task: task.blurred().sum(-1))

    placed = static(Exact, num_envs=8, settings={"observations": {"blurred": {"noise": 0.1}}})
    assert placed.step().reward.tolist() == [2.0] * 8


class Late(Cart):
    last = group(when="before_reset")

    late = observation(lambda task: task.cart_pos(), delay=2)
    late_end = observation(lambda task: task.cart_pos(), delay=1, group="last")


def test_a_delayed_observation_shows_older_values_exactly() -> None:
    placed = static(Late, num_envs=2, **at(0.0, 1.0))
    shown: list[list[float]] = []
    for value in (0.25, 0.5, 0.75, 1.0):
        placed.place(**at(value, 1.0))
        shown.append(placed.step().obs["policy"][0].tolist())
    assert shown == [[0.25, 0.0], [0.5, 0.0], [0.75, 0.25], [1.0, 0.5]]


def test_a_delay_does_not_reach_back_beyond_a_reset() -> None:
    placed = static(Late, num_envs=2, **at(0.0, 1.0))
    for positions in ((0.5, 1.0), (0.75, 1.0), (3.0, 1.0)):  # the first environment ends, and starts at 0
        placed.place(**at(*positions))
        step = placed.step()
    assert step.obs["policy"].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    placed.place(**at(0.25, 1.5))
    assert placed.step().obs["policy"].tolist() == [[0.25, 0.0], [1.5, 1.0]]
    placed.place(**at(0.5, 1.5))
    assert placed.step().obs["policy"].tolist() == [[0.5, 0.0], [1.5, 1.0]]
    placed.place(**at(0.5, 1.5))
    assert placed.step().obs["policy"].tolist() == [[0.5, 0.25], [1.5, 1.5]]


def test_a_delay_in_a_group_before_the_reset_stays_within_the_episode() -> None:
    placed = static(Late, **at(0.0))
    shown: list[float] = []
    for value in (0.5, 0.75, 3.0, 0.25, 0.5):  # the third step ends the episode
        placed.place(**at(value))
        shown.append(placed.step().last_obs["last"].item())
    assert shown == [0.5, 0.5, 0.75, 0.25, 0.25]


# Random numbers.


class Random(Scattered):
    noisy = observation(terms.joint_vel, noise=0.1)
    lucky = reward(lambda task: task.uniform(0.0, 1.0, 1)[:, 0] + task.normal(0.0, 1.0, 2).sum(-1))


def play(seed: int) -> list[list[float]]:
    placed = static(Random, num_envs=3, seed=seed)
    steps: list[list[float]] = []
    for number in range(10):
        if number == 5:
            placed.place(**at(0.0, 3.0, 0.0))
        step = placed.step()
        steps.append([*step.obs["policy"].flatten().tolist(), *step.reward.tolist()])
    return steps


def test_the_same_seed_repeats_a_run_and_another_one_does_not() -> None:
    assert play(7) == play(7)
    assert play(7)[0] != play(8)[0]


def test_random_numbers_are_those_of_the_seed_whatever_else_draws_some() -> None:
    expected = play(7)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert play(7) == expected
    assert torch.equal(torch.get_rng_state(), state)


def test_uniform_and_normal_numbers_are_where_they_should_be() -> None:
    class Drawing(Cart):
        def setup(self) -> None:
            self.flat, self.bell = self.zeros(2), self.zeros(2)

        @reward
        def drawn(self) -> Tensor:
            self.flat.copy_(self.uniform(self.tensor([0.0, 5.0]), self.tensor([1.0, 7.0]), 2))
            self.bell.copy_(self.normal(3.0, 0.5, 2))
            return self.zeros()

    placed = static(Drawing, num_envs=20_000)
    placed.step()
    flat, bell = placed.task.flat, placed.task.bell
    assert flat.amin(0).tolist() == pytest.approx([0.0, 5.0], abs=1e-3)
    assert flat.amax(0).tolist() == pytest.approx([1.0, 7.0], abs=1e-3)
    assert flat.mean(0).tolist() == pytest.approx([0.5, 6.0], abs=0.02)
    assert bell.mean(0).tolist() == pytest.approx([3.0, 3.0], abs=0.02)
    assert bell.std(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)


@pytest.mark.parametrize(
    ("widths", "complaint"), [((1, 2), "A step asks for more random numbers"), ((2, 1), "A step drew 1 random columns")]
)
def test_a_term_that_draws_another_number_of_random_columns_each_time_is_refused(
    widths: tuple[int, int], complaint: str
) -> None:
    class Branching(Cart):
        width = widths[0]

        @reward
        def drawn(self) -> Tensor:
            return self.uniform(0.0, 1.0, self.width).sum(-1)

    placed = static(Branching)
    placed.step()
    placed.task.width = widths[1]
    with pytest.raises(TaskError, match=complaint):
        placed.step()


# Buffers.


def test_no_buffer_ever_moves(simulated: Simulated) -> None:
    class Everything(Grouped):
        noisy = observation(terms.joint_vel, noise=0.1, delay=1)
        place = remembered(lambda task: task.cart_pos())
        gain = reward(lambda task: task.cart_pos() - task.place.previous)

        @on_reset
        def scatter(self) -> None:
            self.robot.set_joints(pos=self.uniform(-1.0, 1.0, 2))

    env = simulated(Everything, settings={"episode_steps": 9})

    def addresses() -> dict[str, int]:
        tensors = {**env.program._state(), **env.obs, **env.last_obs}
        tensors |= {name: env.simulator.field(name) for name in ("qpos", "qvel", "ctrl")}
        tensors |= {name: getattr(env, name) for name in ("reward", "terminated", "truncated")}
        tensors |= {name: getattr(env.task, name) for name in ("action", "previous_action", "episode_step")}
        return {name: tensor.data_ptr() for name, tensor in tensors.items()}

    before = addresses()
    ended = 0
    for _ in range(50):
        obs, reward_, terminated, truncated, last = env.step(torch.rand(4, 1) * 2.0 - 1.0)
        ended += int((terminated | truncated).sum())
        assert obs is env.obs
        assert last is env.last_obs
        assert reward_ is env.reward
    env.reset()
    assert ended > 8
    assert addresses() == before


# Actions.


def test_actions_are_clipped_before_anything_sees_them() -> None:
    class Watched(Cart):
        seen = observation(terms.last_action)

    placed = static(Watched, num_envs=3)
    step = placed.step([[-5.0], [0.5], [1.5]])
    assert step.obs["policy"][:, 1].tolist() == [-1.0, 0.5, 1.0]
    assert placed.task.effort.control.tolist() == [[-10.0], [5.0], [10.0]]


@pytest.mark.parametrize(("limit", "expected"), [(0.25, 0.25), (2.0, 1.5), (None, 1.5)])
def test_the_clip_of_actions_is_a_setting(limit: float | None, expected: float) -> None:
    placed = static(Cart, settings={"clip_actions": limit})
    placed.step([1.5])
    assert placed.task.action.tolist() == [[expected]]


def test_the_action_before_stays_for_one_step() -> None:
    placed = static(Cart)
    for action, before in ((0.5, 0.0), (0.25, 0.5), (0.25, 0.25)):
        placed.step([action])
        assert placed.task.previous_action.tolist() == [[before]]


def test_several_actuators_take_their_actions_in_the_order_of_the_class() -> None:
    class Two(Task):
        robot = Articulation("cartpole")
        turn = JointPosition(robot, joints="cart_to_pole", stiffness=1.0, damping=1.0, scale=3.0)
        push = JointEffort(robot, joints="slider_to_cart", scale=10.0)
        pos = observation(terms.joint_pos)

    placed = static(Two)
    placed.step([0.5, 0.25])
    assert placed.env.num_actions == 2
    assert placed.task.turn.control.tolist() == [[1.5]]
    assert placed.task.push.control.tolist() == [[2.5]]


@pytest.mark.parametrize("shape", [(2,), (2, 2), (1, 2), (3, 1), (2, 1, 1)])
def test_an_action_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    env = static(Cart, num_envs=2).env
    with pytest.raises(TaskError, match=r"An action of Cart has the shape \[2, 1\], not"):
        env.step(torch.zeros(shape))


# Environments that go wrong.


class Fragile(Measured):
    last = group(when="before_reset")
    end = observation(lambda task: task.robot.joint_vel, group="last")
    inverse = reward(lambda task: 1.0 / (1000.0 - task.robot.joint_vel[:, 0]))

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1) + self.robot.joint_vel.sum(-1)


@pytest.mark.parametrize("speed", [1000.0, float("inf"), float("-inf"), float("nan")])
def test_an_environment_that_goes_wrong_ends_alone_with_a_finite_reward(speed: float) -> None:
    placed = static(Fragile, num_envs=3, **at(0.5, 0.75, 1.0))
    placed.env.simulator.field("qvel")[1, 0] = speed
    placed.task.forget()
    step = placed.step()
    assert step.terminated.tolist() == [False, True, False]
    assert step.truncated.tolist() == [False, False, False]
    assert step.reward.tolist() == [pytest.approx(1.501), 1000.0 if speed == 1000.0 else 0.0, pytest.approx(2.501)]
    assert step.obs["policy"].tolist() == [[0.5], [0.0], [1.0]]
    assert step.last_obs["last"].isfinite().all()
    assert step.last_obs["last"].abs().max() <= 1000.0
    metrics = placed.env.episode_metrics()
    assert (metrics["episodes"], metrics["unstable"], metrics["length"]) == (1.0, 1.0, 1.0)
    assert abs(metrics["return"]) <= 1000.0
    assert metrics["reward/bonus"] == 0.0


def test_the_others_go_on_as_if_no_environment_had_gone_wrong(simulated: Simulated) -> None:
    one, other = (simulated(Measured, num_envs=4) for _ in range(2))
    action = torch.ones(4, 1)
    for number in range(12):
        if number == 4:
            one.simulator.field("qvel")[2] = float("nan")
            one.simulator.commit(torch.tensor([False, False, True, False]))
        one.step(action)
        other.step(action)
        assert one.terminated[2].item() == (number == 4)
        rest = torch.tensor([0, 1, 3])
        assert torch.equal(one.obs["policy"][rest], other.obs["policy"][rest])
        assert torch.equal(one.reward[rest], other.reward[rest])
    assert one.obs["policy"].isfinite().all()
    assert one.episode_metrics()["unstable"] == 1.0


# State.


class Stateful(Random):
    last = group(when="before_reset")

    late = observation(lambda task: task.cart_pos(), delay=2)
    end = observation(terms.joint_pos, delay=1, group="last")
    place = remembered(lambda task: task.robot.joint_pos)
    gain = reward(lambda task: (task.robot.joint_pos - task.place.previous).sum(-1))
    rate = reward(terms.action_rate_l2, weight=-0.1)

    def setup(self) -> None:
        self.trips = self.buffer("trips")

    @on_reset
    def count(self) -> None:
        self.trips += self.mask


def run(env: VecEnv, actions: Tensor) -> list[dict[str, Tensor]]:
    steps: list[dict[str, Tensor]] = []
    for action in actions:
        env.step(action)
        results = {
            "reward": env.reward,
            "terminated": env.terminated,
            "truncated": env.truncated,
            **env.obs,
            **env.last_obs,
        }
        steps.append({name: value.clone() for name, value in results.items()})
    return steps


def test_a_restored_state_goes_on_bit_by_bit(simulated: Simulated) -> None:
    settings = {"episode_steps": 13}
    env, fresh = (simulated(Stateful, num_envs=6, seed=seed, settings=settings) for seed in (0, 9))
    actions = torch.rand(45, 6, 1, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    run(env, actions[:15])
    state = env.state_dict()
    expected, metrics = run(env, actions[15:]), env.episode_metrics()
    assert sum(int((step["terminated"] | step["truncated"]).sum()) for step in expected) >= 12
    for continued in (env, fresh):
        continued.load_state_dict(state)
        for step, before in zip(run(continued, actions[15:]), expected, strict=True):
            assert all(torch.equal(step[name], value) for name, value in before.items())
        assert continued.episode_metrics() == metrics


def test_a_saved_state_does_not_change_with_the_environment(simulated: Simulated) -> None:
    env = simulated(Stateful)
    state = env.state_dict()
    reward_ = state["program"]["tensors"]["reward"].clone()
    run(env, torch.ones(5, 4, 1))
    assert torch.equal(state["program"]["tensors"]["reward"], reward_)


def test_the_state_of_a_task_with_other_terms_is_refused(simulated: Simulated) -> None:
    state = simulated(Stateful).state_dict()
    with pytest.raises(
        TaskError, match=r"The saved state of Random differs in buffer/trips, delayed/end, delayed/late"
    ):
        simulated(Random).program.load_state_dict(state["program"])


def test_the_state_of_another_number_of_environments_is_refused(simulated: Simulated) -> None:
    state = simulated(Cart, num_envs=1).state_dict()
    with pytest.raises(TaskError, match=r"The saved state of Cart differs in action, done, episode, episode_step"):
        simulated(Cart, num_envs=4).program.load_state_dict(state["program"])


# What derived state the terms see.


def lag(task: Any) -> Tensor:
    """How far the cart's body is from where its joint says, along the rail."""
    return task.robot.body_pos[:, 1, 1] - task.robot.joint_pos[:, 0]


class Derived(Scattered):
    last = group(when="before_reset")

    lag_shown = observation(lag)
    lag_at_the_end = observation(lag, group="last")
    lag_paid = reward(lag)


def test_no_term_sees_bodies_that_lag_behind_their_joints(simulated: Simulated) -> None:
    env = simulated(Derived, num_envs=8, settings={"episode_steps": 7})
    ended = 0
    for _ in range(30):
        obs, paid, terminated, truncated, last = env.step(torch.ones(8, 1))
        ended += int((terminated | truncated).sum())
        assert obs["policy"][:, 1].abs().max() < 1e-6
        assert last["last"].abs().max() < 1e-6
        assert paid.abs().max() < 1e-6
    assert ended > 20
    assert env.reset()["policy"][:, 1].abs().max() < 1e-6


def test_what_only_the_total_reward_reads_is_derived_for_it(simulated: Simulated) -> None:
    class Summed(Cart):
        def total_reward(self, weighted: Tensor) -> Tensor:
            return lag(self)

    env = simulated(Summed)
    for _ in range(5):
        assert env.step(torch.ones(4, 1))[1].abs().max() < 1e-6


# Description.


def test_describe_lists_the_terms_in_use_with_what_they_were_told() -> None:
    settings = {
        "rewards": {"place": 3.0, "power": {"term": "joints_at_limit", "weight": -1.0, "threshold": 0.5}},
        "terminations": {"off": False},
    }
    infos = {(info.kind, info.name): info for info in static(Measured, settings=settings).env.program.describe()}
    assert set(infos) == {
        ("reward", "place"),
        ("reward", "bonus"),
        ("reward", "power"),
        ("observation", "cart_pos"),
        ("metric", "distance"),
    }
    assert infos["reward", "place"].options == {"weight": 3.0}
    assert infos["reward", "power"].params == {"threshold": 0.5, "robot": "robot"}
    assert infos["observation", "cart_pos"].summary == "Where the cart is [m]."
    assert infos["observation", "cart_pos"].width == 1


def test_descriptions_know_the_widths() -> None:
    infos = {info.name: info.width for info in static(Grouped).env.program.describe() if info.kind == "observation"}
    assert infos == {"cart_pos": 1, "pole_angle": 1, "doubled": 1, "end": 2}
