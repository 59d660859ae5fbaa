"""Every way to get a setting wrong, and the one line that says so."""

import pytest
from hop import Compose

from igx.errors import ConfigError

LR, NUM_ENVS = " Without this it is 0.001 (preset hop:7).", " Without this it is 16 (preset hop.cpu:2)."


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ppo.leaning_rate=1", "There is no ppo.leaning_rate (--override). Did you mean 'learning_rate'?"),
        ("lr=1", "There is no lr (--override). Did you mean 'ppo.lr'?"),
        ("pp.lr=1", "There is no pp (--override). Did you mean 'ppo'?"),
        ("task.leg.lenght=1", "There is no task.leg.lenght (--override). Did you mean 'length'?"),
        ("task.rewards.alive.wieght=1", "There is no task.rewards.alive.wieght (--override). Did you mean 'weight'?"),
        (
            "ppo.truncate_grads=true",
            (
                "There is no ppo.truncate_grads (--override): grad_norm=null leaves gradients as they are, "
                "a number truncates them."
            ),
        ),
        ("ppo.max_epochs=3", "There is no ppo.max_epochs (--override): say run.max_epochs."),
        ("ppo.lr=-1", "ppo.lr is -1 (--override); it must be greater than 0." + LR),
        ("ppo.lr=2", "ppo.lr is 2 (--override); it must be at most 1." + LR),
        ("ppo.lr=fast", "ppo.lr is 'fast' (--override); it must be a number." + LR),
        ("ppo.lr=.nan", "ppo.lr is .nan (--override); it must be a finite number." + LR),
        ("ppo.lr=1e999", "ppo.lr is .inf (--override); it must be a finite number." + LR),
        ("ppo.lr=null", "ppo.lr is null (--override); it must be a number." + LR),
        ("ppo.lr={a: 1}", "ppo.lr is {a: 1} (--override); it must be a number." + LR),
        ("ppo.gamma=1.01", "ppo.gamma is 1.01 (--override); it must be at most 1. The default is 0.99."),
        ("sim.num_envs=0", "sim.num_envs is 0 (--override); it must be at least 1." + NUM_ENVS),
        ("sim.num_envs=2000000", "sim.num_envs is 2000000 (--override); it must be at most 1048576." + NUM_ENVS),
        ("sim.num_envs=1.5", "sim.num_envs is 1.5 (--override); it must be a whole number." + NUM_ENVS),
        ("sim.capture=3", "sim.capture is 3 (--override); it must be true or false. The default is true."),
        (
            "sim.solver=pgs",
            "sim.solver is 'pgs' (--override); it must be 'newton' or 'cg'. The default is 'newton'.",
        ),
        ("sim.device=gpu", "sim.device is 'gpu' (--override); it must be auto, cpu, cuda or cuda:N."),
        (
            "sim.contacts_per_env=x",
            "sim.contacts_per_env is 'x' (--override); it must be a whole number or null. The default is null.",
        ),
        (
            "network.units=256,128",
            (
                "network.units is '256,128' (--override); it must be a list, e.g. [256, 128]. "
                "The default is [256, 128, 64]."
            ),
        ),
        (
            "network.units=64",
            "network.units is 64 (--override); it must be a list, e.g. [64]. The default is [256, 128, 64].",
        ),
        (
            "network.units=[a, b]",
            (
                "network.units is [a, b] (--override); it must be a list whose entry 1 is a whole number. "
                "The default is [256, 128, 64]."
            ),
        ),
        (
            "run.track=csv",
            "run.track is 'csv' (--override); it must be a list, e.g. [csv]. The default is [tensorboard].",
        ),
        (
            "network.units=[256, 0]",
            (
                "network.units is [256, 0] (--override); it must be a list whose entry 2 is at least 1. "
                "The default is [256, 128, 64]."
            ),
        ),
        (
            "network.units.0=3",
            "network.units is {'0': 3} (--override); it must be a list, e.g. [1, 2]. The default is [256, 128, 64].",
        ),
        (
            "task.leg.springs=[1]",
            "task.leg.springs is [1] (--override); it must be a list of at least 2 entries. The default is [1.0, 2.0].",
        ),
        (
            "task.leg.springs=[1, 2, 3]",
            (
                "task.leg.springs is [1, 2, 3] (--override); it must be a list of at most 2 entries. "
                "The default is [1.0, 2.0]."
            ),
        ),
        (
            "task.goal=far",
            "task.goal is 'far' (--override); it must be a number or a list, e.g. [1, 2]. The default is 1.0.",
        ),
        (
            "network.rnn=3",
            "network.rnn is 3 (--override); it must be a mapping of settings or null. The default is null.",
        ),
        ("ppo=3", "ppo is 3 (--override); it must be a mapping of settings."),
        (
            "task.rewards.alive=null",
            "task.rewards.alive is null (--override); it must be a number or a mapping of settings.",
        ),
        ("task.rewards.bonus={term: a, wieght: 1}", "There is no task.rewards.bonus.wieght (--override)."),
        (
            "network.initializer=3",
            "network.initializer is 3 (--override); it must be a name or a mapping of settings.",
        ),
        ("task.leg=long", "task.leg is 'long' (--override); it must be a mapping of settings."),
        ("task.surface=[1]", "task.surface is [1] (--override); it must be text. The default is 'sand'."),
        ("task.surface=air", "task.surface is 'air' (--override); nobody hops on air."),
        ("task.gains.hip=x", "task.gains.hip is 'x' (--override); it must be a number. The default is 1.0."),
        ("run.runs_dir=[1]", "run.runs_dir is [1] (--override); it must be a path. The default is runs."),
        ("task.height=0", "task.height is 0 (--override); it must be greater than 0. The default is 0.3."),
        (
            "task.rewards.bonus={weight: x, term: a}",
            "task.rewards.bonus.weight is 'x' (--override); it must be a number.",
        ),
        (
            "network.initializer=const",
            "network.initializer: initializer 'const' needs val, e.g. {name: const, val: 0.0}.",
        ),
        (
            "network.initializer={name: orthogonal, val: 3}",
            "network.initializer: initializer 'orthogonal' has no 'val'; it takes gain.",
        ),
        ("network.normalization=layer_norm", "network: normalization=layer_norm has an effect with d2rl=true only."),
        ("network.options={a: 1}", "network: network 'actor_critic' takes no options, but 'a' is given."),
        (
            "run.name=a/b",
            "run.name is 'a/b' (--override); it must be the name of one folder, without '/', and not start with '-'.",
        ),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(composed: Compose, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        composed(override)
    assert str(caught.value) == message


def test_what_a_setting_is_otherwise_is_told_by_the_last_who_spoke_of_it(composed: Compose) -> None:
    with pytest.raises(ConfigError, match=r"; it must be at least 1\. Without this it is 8 \(--override\)\.$"):
        composed("sim.num_envs=8", "sim.num_envs=0")
    with pytest.raises(ConfigError, match=r"; it must be less than 2\. The default is 0\.7\.$"):
        composed("task.leg.length=3", "task.foot=bare")


def test_a_setting_without_default_must_be_given(composed: Compose) -> None:
    with pytest.raises(ConfigError, match=r"^task\.foot is missing\.$"):
        composed(task="skip")


def test_the_first_wrong_setting_is_explained_and_the_others_are_named(composed: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        composed("ppo.gamma=3", "sim.num_envs=x", "ppo.lr=-1")
    assert str(caught.value) == (
        "sim.num_envs is 'x' (--override); it must be a whole number." + NUM_ENVS + " Also wrong: ppo.lr, ppo.gamma."
    )
