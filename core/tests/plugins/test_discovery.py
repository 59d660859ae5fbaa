"""Which plugins are found, what they are called, and which of them the user wants."""

import pytest
from installed import Distributions

from igx.errors import AmbiguousNameError, ConfigError, PluginLoadError
from igx.plugins import Plugins, Status
from igx.plugins.discovery import Choice
from igx.plugins.manager import discover, load_plugins

TASK = """
    from igx.plugins import TaskSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_tasks():
        yield TaskSpec(name="{name}", target="nowhere:Task", summary="A task.")
"""
HOP, SKIP = TASK.format(name="hop"), TASK.format(name="skip")
COMMAND = """
    from igx.plugins import CommandSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_commands():
        yield CommandSpec(name="train", target="nowhere:train", summary="A command.")
"""


def found() -> Plugins:
    return discover(Choice())


def providers(plugins: Plugins, status: Status = Status.LOADED) -> set[str]:
    return {record.provider for record in plugins.records if record.status is status}


def test_a_plugin_adds_what_it_offers(distributions: Distributions) -> None:
    distributions.add("igx-acme", HOP, version="2.1")
    plugins = found()
    assert plugins.tasks.find("hop").provider == "acme"
    [record] = plugins.find("acme")
    assert (record.title, record.status) == ("igx-acme 2.1", Status.LOADED)
    assert plugins.provided_by(record) == [("hop", plugins.tasks.get("hop"))]


def test_igx_is_a_plugin_like_all_others_and_comes_first() -> None:
    plugins = found()
    assert plugins.records[0].provider == "igx"
    assert plugins.tasks.find("cartpole").provider == "igx"
    assert plugins.agents.get("ppo").section == "ppo"
    assert {"mujoco-cpu", "mujoco-gpu", "static"} <= set(plugins.simulators.names())


def test_a_provider_is_called_by_its_distribution_not_by_its_entry_point(distributions: Distributions) -> None:
    distributions.add("igx-acme", HOP, entry_points="[igx]\ntasks = igx_acme\n")
    distributions.add("igx-road", HOP, entry_points="[igx]\ntasks = igx_road\n")
    tasks = found().tasks
    assert {"acme:hop", "road:hop"} <= set(tasks.names())
    with pytest.raises(AmbiguousNameError, match="Say which: acme:hop or road:hop"):
        tasks.get("hop")


@pytest.mark.parametrize(
    ("distribution", "provider"), [("igx-acme", "acme"), ("Igx_Acme.Runner", "acme-runner"), ("acme", "acme")]
)
def test_a_provider_is_the_distribution_without_igx(
    distributions: Distributions, distribution: str, provider: str
) -> None:
    distributions.add(distribution, HOP)
    assert found().tasks.find("hop").provider == provider


def test_where_short_names_would_clash_the_whole_name_is_used(distributions: Distributions) -> None:
    distributions.add("igx-acme", HOP)
    distributions.add("acme", HOP)
    distributions.add("igx-igx", HOP)
    plugins = found()
    assert [provider for name, provider, _ in plugins.tasks.items() if name.endswith(":hop")] == [
        "acme",
        "igx-acme",
        "igx-igx",
    ]
    assert plugins.tasks.find("cartpole").provider == "igx"


def test_a_distribution_may_have_several_entry_points(distributions: Distributions) -> None:
    distributions.add("igx-acme", HOP, entry_points="[igx]\none = igx_acme\ntwo = igx_acme_more\n")
    distributions.write("igx_acme_more.py", SKIP)
    plugins = found()
    assert [record.entry_point for record in plugins.find("acme")] == ["one", "two"]
    assert plugins.tasks.find("hop").provider == plugins.tasks.find("skip").provider == "acme"


def test_two_entry_points_of_one_distribution_cannot_offer_one_name(distributions: Distributions) -> None:
    distributions.add("igx-acme", HOP, entry_points="[igx]\none = igx_acme\ntwo = igx_acme_more\n")
    distributions.write("igx_acme_more.py", HOP)
    plugins = found()
    assert [(record.entry_point, record.reason) for record in plugins.broken] == [
        ("two", "The task 'hop' is offered twice by 'acme'.")
    ]
    assert plugins.tasks.get("hop")


def test_an_entry_point_may_name_an_object_in_a_module(distributions: Distributions) -> None:
    source = """
        from igx.plugins import TaskSpec, hookimpl

        IGX_API = 1


        class Plugin:
            @hookimpl
            def igx_tasks(self):
                yield TaskSpec(name="hop", target="nowhere:Task", summary="A task.")


        plugin = Plugin()
    """
    distributions.add("igx-acme", source, entry_points="[igx]\ntasks = igx_acme:plugin\n")
    assert found().tasks.find("hop").provider == "acme"


def test_a_command_of_igx_keeps_its_name(distributions: Distributions) -> None:
    distributions.add("acme", COMMAND)
    commands = found().commands
    assert commands.get("train").target == "igx.cli.train:command"
    assert commands.get("acme:train").target == "nowhere:train"


def test_a_distribution_that_stands_on_the_path_twice_counts_once(distributions: Distributions) -> None:
    distributions.add("igx-acme", HOP, version="1.0")
    distributions.add("igx-acme", HOP, version="2.0")
    assert len(found().find("acme")) == 1


def test_off_leaves_only_igx(distributions: Distributions) -> None:
    distributions.add("igx-acme", "raise AssertionError('imported')")
    plugins = discover(Choice(only_core=True))
    assert providers(plugins) == {"igx"}
    assert "acme" in providers(plugins, Status.BLOCKED)


@pytest.mark.parametrize("name", ["acme-runner", "igx-acme-runner", "Igx_Acme.Runner"])
def test_a_plugin_is_left_out_by_its_provider_or_distribution(distributions: Distributions, name: str) -> None:
    distributions.add("Igx_Acme.Runner", "raise AssertionError('imported')")
    distributions.add("igx-road", SKIP)
    plugins = discover(Choice.from_environment({"IGX_PLUGINS": f"-{name}"}))
    assert providers(plugins, Status.BLOCKED) == {"acme-runner"}
    assert plugins.tasks.get("skip")


def test_leaving_out_what_is_not_there_is_reported(
    distributions: Distributions, caplog: pytest.LogCaptureFixture
) -> None:
    distributions.add("igx-acme", HOP)
    choice = Choice.from_environment({"IGX_PLUGINS": "-akme, -acme"})
    discover(choice)
    assert caplog.messages == ["IGX_PLUGINS leaves out 'akme', but no plugin is called that. Did you mean 'acme'?"]
    with pytest.raises(ConfigError, match="no plugin is called that"):
        discover(Choice(strict=True, without=choice.without))


@pytest.mark.parametrize(
    ("environment", "choice"),
    [
        ({}, Choice()),
        ({"IGX_PLUGINS": " ", "IGX_STRICT_PLUGINS": "0"}, Choice()),
        ({"IGX_PLUGINS": "off", "IGX_STRICT_PLUGINS": "1"}, Choice(strict=True, only_core=True)),
        ({"IGX_PLUGINS": "-a,-b_c"}, Choice(without=frozenset({"a", "b-c"}))),
    ],
)
def test_the_environment_chooses(environment: dict[str, str], choice: Choice) -> None:
    assert Choice.from_environment(environment) == choice


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"IGX_PLUGINS": "acme"},
            "IGX_PLUGINS is 'acme'; it must be 'off' or '-NAME[,-NAME]', e.g. IGX_PLUGINS=-tasks-locomotion.",
        ),
        ({"IGX_PLUGINS": "off,-acme"}, "IGX_PLUGINS is 'off,-acme'; it must be"),
        ({"IGX_PLUGINS": "-"}, "IGX_PLUGINS is '-'; it must be"),
        ({"IGX_PLUGINS": "-igx"}, "IGX_PLUGINS cannot leave out igx itself."),
        ({"IGX_STRICT_PLUGINS": "yes"}, "IGX_STRICT_PLUGINS is 'yes'; it must be 1 or 0."),
    ],
)
def test_a_malformed_environment_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Choice.from_environment(environment)
    assert str(caught.value).startswith(message)


def test_without_its_own_entry_point_igx_says_that_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(PluginLoadError, match="igx is not installed completely"):
        found()


def test_plugins_are_found_once_in_a_process() -> None:
    assert load_plugins() is load_plugins()
