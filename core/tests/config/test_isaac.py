"""The command line of IsaacGymEnvs, in igx's terms."""

import pytest

from igx.config.isaac import kebab_case, translate
from igx.config.overrides import Assignment
from igx.errors import ConfigError

CONFIG, NETWORK = "train.params.config.", "train.params.network."


def settings(line: str) -> dict[str, object]:
    """What is set by the arguments in `line`; the origin of each setting is the argument itself."""
    arguments = line.split()
    given = [
        (argument, part.setting) for argument, part in zip(arguments, translate(arguments), strict=True) if part.setting
    ]
    assert all(
        setting.origin == argument
        for argument, setting in given
        if not argument.lstrip("+").startswith(("ppo.", "task.rew"))
    )
    return {setting.path: setting.value for _, setting in given}


def notes(line: str) -> list[str]:
    return [part.note for part in translate(line.split()) if part.note]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (
            "task=Ant num_envs=4096 max_iterations=500 seed=7 headless=True",
            {"run.task": "ant", "sim.num_envs": 4096, "run.max_epochs": 500, "run.seed": 7},
        ),
        ("max_iterations=-1 seed=-1", {"run.max_epochs": None, "run.seed": -1}),
        ("sim_device=cuda:1 rl_device=cuda:1 pipeline=gpu", {"sim.device": "cuda:1"}),
        ("rl_device=cpu", {"sim.device": "cpu"}),
        ("num_threads=8 graphics_device_id=0", {"sim.threads": 8}),
        ("experiment=007 checkpoint=runs/a/nn/1e3.pth", {"run.name": "007", "run.checkpoint": "runs/a/nn/1e3.pth"}),
        ("+full_experiment_name=mine", {"run.name": "mine"}),
        ("+ppo.lr=1e-3", {"ppo.lr": 1e-3}),
        ("checkpoint= num_envs= task= experiment= max_iterations=", {}),
        ("task.env.numEnvs=16 task.env.episodeLength=300", {"sim.num_envs": 16, "task.episode_steps": 300}),
        (f"{CONFIG}learning_rate=1e-3 {CONFIG}gamma=0.9", {"ppo.learning_rate": 1e-3, "ppo.gamma": 0.9}),
        (f"{CONFIG}max_epochs=-1 {CONFIG}save_frequency=20", {"run.max_epochs": None, "run.save_every": 20}),
        (f"{CONFIG}reward_shaper.scale_value=0.1", {"ppo.reward_scale": 0.1}),
        (f"{CONFIG}truncate_grads=True", {"ppo.grad_norm": 1.0}),
        (f"{CONFIG}truncate_grads=True {CONFIG}grad_norm=0.5", {"ppo.grad_norm": 0.5}),
        (f"{CONFIG}truncate_grads=False {CONFIG}grad_norm=0.5", {"ppo.grad_norm": None}),
        (f"{CONFIG}grad_norm=0.5", {"ppo.grad_norm": 0.5}),
        (
            f"{CONFIG}central_value_config.mini_epochs=3 {CONFIG}central_value_config.network.mlp.units=[8]",
            {"ppo.central_value_config.mini_epochs": 3, "ppo.central_value.network.units": [8]},
        ),
        (
            f"{NETWORK}mlp.units=[256,128] {NETWORK}rnn.name=gru {NETWORK}separate=True",
            {"network.units": [256, 128], "network.rnn.name": "gru", "network.separate": True},
        ),
        (f"{NETWORK}space.continuous.sigma_init.val=-1", {"network.log_std_init": -1}),
        ("train=AntPPO pbt=no_pbt test=False multi_gpu=False wandb_activate=False", {}),
        (
            "wandb_activate=True wandb_project=007 wandb_group=g wandb_tags=[a,b]",
            {"run.track": ["tensorboard", "wandb"], "run.project": "007", "run.group": "g", "run.tags": ["a", "b"]},
        ),
        ("wandb_activate=False wandb_project= wandb_entity=", {}),
        (
            "capture_video=True capture_video_freq=1464 capture_video_len=100",
            {"run.capture_video": True, "run.video_every_steps": 1464, "run.video_steps": 100},
        ),
        ("capture_video=False", {"run.capture_video": False}),
        ("task=BallBalance train=BallBalancePPO", {"run.task": "ball-balance"}),
        (
            f"task=AntSAC train=AntSAC {CONFIG}critic_tau=0.01 {CONFIG}reward_shaper.scale_value=0.1",
            {"run.task": "ant-sac", "sac.critic_tau": 0.01, "sac.reward_scale": 0.1},
        ),
        ("ppo.lr=3e-4 task.rewards.alive=1", {"ppo.lr": 3e-4, "task.rewards.alive": 1}),
    ],
)
def test_what_igx_has_is_translated(line: str, meant: dict[str, object]) -> None:
    assert settings(line) == meant


def test_a_mapping_for_task_is_igxs_own_section() -> None:
    [translation] = translate(["task={episode_steps: 3}"])
    assert translation.setting == Assignment("task", {"episode_steps": 3}, "--override")


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("headless=False", "headless=False has no effect: there is no viewer yet, so it runs headless."),
        (
            "wandb_name=mine",
            ("wandb_name=mine has no effect: W&B calls a run as its folder is called, which experiment=NAME chooses."),
        ),
        ("wandb_entity=us", "wandb_entity=us has no effect: set WANDB_ENTITY."),
        (
            "wandb_logcode_dir=.",
            "wandb_logcode_dir=. has no effect: no code is uploaded; W&B is told the git commit.",
        ),
        ("solver_type=1", "solver_type=1 has no effect: the engine is MuJoCo, which has no such choice."),
        (
            "sim_device=cpu rl_device=cuda:0",
            "rl_device=cuda:0 has no effect: igx trains where it simulates, on cpu.",
        ),
        (
            "torch_deterministic=true",
            "torch_deterministic=true has no effect: deterministic kernels can't be asked for yet.",
        ),
    ],
)
def test_what_igx_can_do_without_is_left_out_with_a_word(line: str, note: str) -> None:
    assert notes(line) == [note]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "test=True",
            "test=True can't be had: playing a policy is a command of its own, `igx play RUN_OR_CHECKPOINT`.",
        ),
        ("multi_gpu=True", "multi_gpu=True can't be had: igx trains on one GPU so far."),
        ("pbt=pbt_default", "pbt=pbt_default can't be had: igx has no population-based training yet."),
        (
            "task=Ant train=AntSAC",
            "train=AntSAC can't be had: choose the agent by --agent, and its settings by --preset.",
        ),
        (
            "task.env.headingWeight=1",
            (
                "task.env.headingWeight=1 is IsaacGymEnvs' name for something that igx calls otherwise, or lacks; "
                "`igx show TASK` lists a task's settings."
            ),
        ),
        ("foo", "'foo' (--override) is no setting; write section.name=value, e.g. ppo.lr=3e-4."),
    ],
)
def test_what_would_change_the_training_is_refused(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        translate(line.split())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Ant", "ant"),
        ("AnymalTerrain", "anymal-terrain"),
        ("HumanoidAMP", "humanoid-amp"),
        ("AllegroHandLSTM_Big", "allegro-hand-lstm-big"),
        ("peg-insertion", "peg-insertion"),
        ("acme:Peg", "acme:peg"),
    ],
)
def test_tasks_are_called_in_kebab_case(name: str, ours: str) -> None:
    assert kebab_case(name) == ours
