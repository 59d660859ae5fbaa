"""Where settings come from, which of them win, and what is remembered of that."""

from pathlib import Path
from typing import Any

import pytest
from hop import Compose, is_imported
from installed import Distributions

from igx.config.overrides import Assignment
from igx.config.presets import preset_names, read_presets
from igx.config.run_config import RunConfig, dump, plain
from igx.errors import ConfigError, InvalidSpecError, UnknownNameError

RICH = (
    "task.rewards.bonus={term: air, weight: 2}",
    "task.rewards.alive=3",
    "task.gains.hip=5",
    "task.surface='off'",
    "task.goal=[1, 2]",
    "network.rnn={}",
    "network.initializer=orthogonal",
    "ppo.central_value={num_minibatches: 8, network: {units: []}}",
    "ppo.minibatch_size_per_env=4",
    "ppo.reward_clip=[null, 5]",
    "ppo.kl_threshold=1.25e-7",
    "run.seed=-1",
    "run.name=first",
    "run.max_epochs=null",
    "run.track=[]",
)
FLAG = Assignment("sim.num_envs", "64", "--num-envs")


def settings(config: RunConfig) -> Any:
    return plain(config)


@pytest.mark.parametrize(
    ("presets", "in_file", "overrides", "value", "origin"),
    [
        ((), None, (), 16, "preset hop.cpu:2"),
        (("high",), None, (), 32, "preset hop:4"),
        (("cpu", "gpu"), None, (), 4096, "preset hop.gpu:1"),
        (("gpu", "cpu"), None, (), 16, "preset hop.cpu:2"),
        (("cpu",), 8, (), 8, "{file}:2"),
        ((), 8, (FLAG,), 64, "--num-envs"),
        ((), 8, (FLAG, "sim.num_envs=128"), 128, "--override"),
        ((), 8, ("sim.num_envs=128", FLAG), 64, "--num-envs"),
    ],
)
def test_each_source_overrules_the_ones_before_it(
    composed: Compose,
    tmp_path: Path,
    presets: tuple[str, ...],
    in_file: int | None,
    overrides: tuple[str | Assignment, ...],
    value: int,
    origin: str,
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(f"sim:\n  num_envs: {in_file}\n")
    result = composed(*overrides, presets=presets, config_file=None if in_file is None else file)
    assert result.config.sim.num_envs == value
    assert result.origins["sim.num_envs"] == origin.format(file=file)


def test_every_setting_has_an_origin(composed: Compose) -> None:
    result = composed("network.rnn.units=8")
    leaves = {
        f"{section}.{name}"
        for section, values in settings(result.config).items()
        for name, value in values.items()
        if not isinstance(value, dict) or not value
    }
    assert leaves <= result.origins.keys()
    assert result.origins["ppo.gamma"] == "default"
    assert result.origins["ppo.lr"] == "preset hop:7"
    assert result.origins["network.rnn.units"] == "--override"
    assert result.origins["network.rnn.type"] == "default"
    assert result.origins["task.rewards.alive.weight"] == "default"
    assert result.origins["run.task"] == "command line"
    assert result.origins["sim.device"] == "auto"


def test_a_preset_is_read_without_importing_its_package(distributions: Distributions) -> None:
    from igx.plugins import TaskSpec

    distributions.write("shy/__init__.py", "raise RuntimeError")
    distributions.write("shy/presets/shy_task.slow.yaml", "ppo: {lr: 1e-5}")
    spec = TaskSpec(name="shy-task", target="shy.tasks:Shy", summary="Shy.")
    assert preset_names(spec) == ("slow",)
    [preset] = read_presets(spec, "slow")
    assert preset.plain() == {"ppo": {"lr": 1e-5}}
    assert read_presets(spec) == []
    assert not is_imported("shy")


def test_a_preset_may_have_the_name_of_its_task_with_hyphens(distributions: Distributions) -> None:
    from igx.plugins import TaskSpec

    distributions.write("shy/__init__.py", "")
    distributions.write("shy/presets/peg-insertion.yaml", "run: {seed: 7}")
    distributions.write("shy/presets/peg-insertion.slow.yaml", "run: {seed: 8}")
    spec = TaskSpec(name="peg-insertion", target="shy.task:Task", summary="Shy.")
    assert [said.plain() for said in read_presets(spec)] == [{"run": {"seed": 7}}]
    assert preset_names(spec) == ("slow",)


def test_presets_of_several_stems_hold_in_their_order(distributions: Distributions) -> None:
    from igx.plugins import TaskSpec

    distributions.write("shy/__init__.py", "raise AssertionError('imported')")
    for seed, name in enumerate(("walk", "walk.gpu", "walk_dog", "walk_dog.high")):
        distributions.write(f"shy/presets/{name}.yaml", f"run: {{seed: {seed}}}")
    spec = TaskSpec(name="walk-dog", target="shy.tasks:Task", summary="s", preset=("walk", "walk_cat", "walk_dog"))
    assert preset_names(spec) == ("gpu", "high")
    for preset, seeds in ((None, [0, 2]), ("gpu", [1]), ("high", [3])):
        assert [said.plain() for said in read_presets(spec, preset)] == [{"run": {"seed": seed}} for seed in seeds]


def test_a_task_without_a_package_folder_has_no_presets() -> None:
    from igx.plugins import TaskSpec

    assert preset_names(TaskSpec(name="nowhere", target="nowhere.at_all:Task", summary="Nowhere.")) == ()
    assert preset_names(TaskSpec(name="flat", target="this:Task", summary="A module of the standard library.")) == ()


def test_presets_of_a_task_are_its_own(composed: Compose) -> None:
    assert preset_names(composed.plugins.tasks.get("hop")) == ("cpu", "gpu", "high")
    assert preset_names(composed.plugins.tasks.get("skip")) == ()


def test_an_unknown_preset_is_refused(composed: Compose) -> None:
    with pytest.raises(ConfigError, match=r"^Task 'hop' has no preset 'hihg'\. Did you mean 'high'\?$"):
        composed(presets=["hihg"])
    with pytest.raises(ConfigError, match=r"^Task 'skip' has no preset 'high'\. It has none\.$"):
        composed("task.foot=bare", task="skip", presets=["high"])


@pytest.mark.parametrize("setting", ["task: hop", "presets: [cpu]"])
def test_a_preset_cannot_choose_task_or_presets(composed: Compose, distributions: Distributions, setting: str) -> None:
    distributions.write("hop_tasks/presets/hop.vain.yaml", f"run: {{{setting}}}")
    name = setting.partition(":")[0]
    with pytest.raises(
        ConfigError, match=rf"^preset hop\.vain sets run\.{name}, which is not for a preset to decide \("
    ):
        composed(presets=["vain"])


def test_a_malformed_preset_is_named_with_its_file(composed: Compose, distributions: Distributions) -> None:
    distributions.write("hop_tasks/presets/hop.odd.yaml", "ppo: [")
    with pytest.raises(
        ConfigError, match=r"^preset hop\.odd \(.*/hop_tasks/presets/hop\.odd\.yaml\), line 1, column 7: "
    ):
        composed(presets=["odd"])


@pytest.mark.parametrize(
    ("overrides", "gpu", "presets"),
    [
        ((), False, ("cpu",)),
        ((), True, ("gpu",)),
        (("sim.device=cpu",), True, ("cpu",)),
        (("sim.device=cuda:0",), True, ("gpu",)),
        (("run.presets=[]",), True, ()),
        (("run.presets=[high, cpu]",), True, ("high", "cpu")),
    ],
)
def test_the_device_chooses_a_preset_unless_somebody_does(
    composed: Compose, overrides: tuple[str, ...], *, gpu: bool, presets: tuple[str, ...]
) -> None:
    result = composed(*overrides, gpu=gpu)
    assert result.presets == result.config.run.presets == presets


def test_presets_must_be_a_list(composed: Compose) -> None:
    with pytest.raises(
        ConfigError, match=r"^run\.presets is 'cpu' \(--override\); it must be a list, e\.g\. \[cpu\]\.$"
    ):
        composed("run.presets=cpu")


def test_what_is_left_open_is_decided(composed: Compose) -> None:
    run = composed().config
    assert (run.sim.device, run.sim.simulator, run.run.agent, run.run.seed) == ("cpu", "mujoco-cpu", "ppo", 42)
    run = composed(gpu=True).config
    assert (run.sim.device, run.sim.simulator) == ("cuda:0", "mujoco-gpu")
    run = composed("sim.device=cuda", "sim.simulator=moon", gpu=True).config
    assert (run.sim.device, run.sim.simulator) == ("cuda:0", "moon")
    run = composed("sim.device=cuda:3", gpu=True).config
    assert run.sim.device == "cuda:3"


def test_a_random_seed_is_drawn_once_and_written_down(composed: Compose) -> None:
    first, second = composed("run.seed=-1"), composed("run.seed=-1")
    assert first.config.run.seed >= 0
    assert first.config.run.seed != second.config.run.seed
    assert first.origins["run.seed"] == "random"


def test_a_device_that_is_not_there_is_refused(composed: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        composed(Assignment("sim.device", "cuda:0", "--device"))
    assert str(caught.value) == (
        "sim.device is 'cuda:0' (--device), but torch finds no usable GPU here; say --device cpu, or see `igx doctor`."
    )


def test_whether_there_is_a_gpu_is_asked_only_if_it_matters(composed: Compose) -> None:
    def never() -> bool:
        raise AssertionError

    assert composed("sim.device=cpu", gpu=never).config.sim.device == "cpu"
    with pytest.raises(UnknownNameError):
        composed(task="nothing", gpu=never)


def test_a_simulator_that_does_not_run_on_the_device_is_refused(composed: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        composed("sim.simulator=moon")
    assert str(caught.value) == (
        "sim.simulator is 'moon' (--override), which runs on cuda only, but sim.device is 'cpu'."
    )


@pytest.mark.parametrize("overrides", [(), RICH, ("run.agent=walker", "walk.pace=1e-3"), ("ppo.lr=1e-6",)])
@pytest.mark.parametrize("gpu", [False, True])
def test_a_written_config_repeats_the_run(
    composed: Compose, tmp_path: Path, overrides: tuple[str, ...], *, gpu: bool
) -> None:
    first = composed(*overrides, presets=["high", "gpu"], gpu=gpu)
    file = tmp_path / "config.yaml"
    file.write_text(dump(first.config))
    again = composed(task=None, config_file=file, gpu=gpu)
    nameless = first.config.run.model_copy(update={"name": None})
    assert again.config == first.config.model_copy(update={"run": nameless})
    assert dump(again.config) == dump(first.config).replace("name: first", "name: null")
    assert again.presets == ("high", "gpu")


def test_a_written_config_is_complete_and_in_order(composed: Compose) -> None:
    config = composed("run.agent=walker").config
    assert list(plain(config)) == ["task", "sim", "walk", "network", "run"]
    assert (config.agent_section, config.agent) == ("walk", config.walk)  # type: ignore[attr-defined]
    assert dump(config).startswith("task:\n  episode_steps: 1000\n")


def test_the_engine_of_a_written_config_follows_the_device(composed: Compose, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(dump(composed(gpu=True).config))
    moved = composed(Assignment("sim.device", "cpu", "--device"), config_file=file)
    assert (moved.config.sim.simulator, moved.origins["sim.simulator"]) == ("mujoco-cpu", "auto")
    kept = composed("sim.device=cpu", "sim.simulator=mujoco-gpu", config_file=file)
    assert kept.config.sim.simulator == "mujoco-gpu"


def test_the_name_of_a_run_is_never_read_from_a_file(composed: Compose, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("run: {name: old, seed: 7}")
    assert composed(config_file=file).config.run.name is None
    assert composed(config_file=file).config.run.seed == 7
    named = composed(Assignment("run.name", "007", "--name"), config_file=file)
    assert named.config.run.name == "007"


def test_a_file_or_an_override_may_name_the_task_and_the_last_word_wins(composed: Compose, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("run: {task: hop}\ntask: {foot: shod}")
    assert composed(task=None, config_file=file).task_spec.name == "hop"
    assert composed(task="skip", config_file=file).task_spec.name == "skip"
    assert composed("run.task=hop", task="skip", config_file=file).config.run.task == "hop"


def test_a_setting_of_another_task_is_refused_with_the_task_that_it_is_of(composed: Compose, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("run: {task: ant}\ntask: {fall_height: 0.3}")
    with pytest.raises(ConfigError) as caught:
        composed(task="skip", config_file=file)
    assert str(caught.value).endswith(f" These are settings of the task ant ({file}:1); the task asked for is skip.")


def test_no_task_at_all_is_refused(composed: Compose) -> None:
    with pytest.raises(
        ConfigError, match=r"^No task is named\. Say which, e\.g\. `igx train ant`; `igx list-tasks` shows"
    ):
        composed(task=None)


def test_empty_sections_of_a_file_say_nothing(composed: Compose, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("ppo:\n  # lr: 1e-3\nsim:\n")
    assert composed(config_file=file).config == composed().config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "config file '{file}' does not exist."),
        (b"", "config file '{file}' is empty; it must be a mapping of sections, such as 'ppo: {{lr: 3e-4}}'."),
        (b"ppo:\n  lr: 1\n lr: 2", "config file '{file}', line 3, column 2: expected <block end>, but found"),
        (b"ppo: \xff", "config file '{file}' is not UTF-8 text: byte 5 is 0xff."),
        (
            b"ppo:\n  lr: -1\n",
            "ppo.lr is -1 ({file}:2); it must be greater than 0. Without this it is 0.001 (preset hop:7).",
        ),
        (b"ppo:\n  lrr: 1\n", "There is no ppo.lrr ({file}:2). Did you mean 'lr'?"),
        (b"rewards: {alive: 1}\n", "There is no rewards ({file}:1). Did you mean 'task.rewards'?"),
        (b"walk: {pace: 1}\n", "There is no section walk ({file}:1): the settings of agent 'ppo' are in ppo."),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(
    composed: Compose, tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "my.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        composed(config_file=file)
    assert str(caught.value).startswith(message.format(file=file))


def test_a_preset_may_hold_the_settings_of_other_agents(composed: Compose) -> None:
    assert composed("run.agent=walker").config.agent.pace == 2.0  # type: ignore[attr-defined]
    assert composed("task.foot=shod", task="skip").agent_spec.name == "walker"


def test_a_preset_may_choose_the_agent(composed: Compose, distributions: Distributions) -> None:
    distributions.write("hop_tasks/presets/hop.walking.yaml", "run: {agent: walker}")
    result = composed(presets=["walking"])
    assert (result.agent_spec.name, result.origins["run.agent"]) == ("walker", "preset hop.walking:1")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("run.task=hopp",), "No task is called 'hopp'. Did you mean 'hop'?"),
        (("run.agent=walk",), "No agent is called 'walk'. Did you mean 'walker'?"),
        (("sim.simulator=mon",), "No simulator is called 'mon'. Did you mean 'moon'?"),
        (("run.track=[tensorbord]",), "No tracker is called 'tensorbord'. Did you mean 'tensorboard'?"),
        (("network.name=sprig",), "No network is called 'sprig'. Did you mean 'spring'?"),
        (("network.name=foo",), "No network is called 'foo'. Known: actor_critic, spring."),
    ],
)
def test_names_that_no_plugin_offers_are_refused(composed: Compose, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        composed(*overrides)
    assert str(caught.value).startswith(message)


def test_options_of_a_plugins_network_are_handed_on(composed: Compose) -> None:
    network = composed("network.name=spring", "network.options.stiffness={low: [1, 2]}").config.network
    assert network.options == {"stiffness": {"low": [1, 2]}}


def test_a_section_is_compared_with_the_others_unless_nothing_is_trained(composed: Compose) -> None:
    with pytest.raises(ConfigError, match=r"^sim\.num_envs is 13, which brings bad luck\.$"):
        composed("sim.num_envs=13", "ppo.num_minibatches=1")
    assert composed("sim.num_envs=13", for_training=False).config.sim.num_envs == 13


def test_what_is_no_task_and_what_are_no_settings_is_refused(composed: Compose) -> None:
    with pytest.raises(
        InvalidSpecError, match=r"^Task 'stumble' leads to 'hop_tasks\.tasks:Leg', which is no igx\.Task\.$"
    ):
        composed(task="stumble")
    with pytest.raises(
        InvalidSpecError, match=r"^The settings of agent 'lost' are 'hop_tasks\.tasks:Hop', which is no "
    ):
        composed("run.agent=lost")


def test_settings_are_frozen_and_closed(composed: Compose) -> None:
    config = composed().config
    with pytest.raises(ValueError, match="frozen"):
        config.sim.num_envs = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        type(config.sim)(nmu_envs=3)  # type: ignore[call-arg]
