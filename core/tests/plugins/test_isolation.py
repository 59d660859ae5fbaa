"""What becomes of plugins that do something wrong: each is left out whole, named with its reason, and hurts nobody."""

import logging
import re

import pytest
from installed import Distributions

from igx.errors import PluginError, PluginLoadError, UnknownNameError
from igx.plugins import Plugins, Status
from igx.plugins.discovery import Choice
from igx.plugins.manager import discover

HEAD = "from igx.plugins import CommandSpec, TaskSpec, hookimpl\nIGX_API = 1\n"
TASK = "TaskSpec(name={0!r}, target='nowhere:Task', summary='A task.')"
GOOD = f"{HEAD}@hookimpl\ndef igx_tasks():\n    yield {TASK.format('hop')}\n"

WRONGS = {
    "an import that fails": ("import does_not_exist", "ModuleNotFoundError: No module named 'does_not_exist'"),
    "an exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "an exit without a code": ("import sys\nsys.exit()", "SystemExit"),
    "a panic that is no Exception": (
        "class Panic(BaseException): ...\nraise Panic('at the disco')",
        "Panic: at the disco",
    ),
    "bad syntax": ("def oops(:", r"SyntaxError: invalid syntax \(igx_bad.py, line 1\)"),
    "an error in several lines": ("raise ValueError('one\\n\\n  two')", "ValueError: one two"),
    "an error that cannot be printed": (
        "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Odd",
        "Odd: <exception str.. failed>",
    ),
    "no version": ("from igx.plugins import hookimpl", "Its module lacks IGX_API = 1"),
    "another version": ("IGX_API = 2", r"It was written for plugin interface 2; this igx has 1\."),
    "no hook": ("IGX_API = 1", r"It has no hook: a function such as igx_tasks\(\), marked with @hookimpl\."),
    "a misspelt hook": (
        f"{HEAD}@hookimpl\ndef igx_task():\n    return []",
        r"igx_task\(\) is no igx hook\. Did you mean 'igx_tasks'\?",
    ),
    "a misspelt hook without a mark": (
        f"{GOOD}def igx_comands():\n    return []",
        r"igx_comands\(\) is no igx hook\. Did you mean 'igx_commands'\?",
    ),
    "a mark on another name": (f"{HEAD}@hookimpl\ndef tasks():\n    return []", r"tasks\(\) is no igx hook"),
    "a hook without a mark": (
        f"{HEAD}def igx_tasks():\n    return []",
        "igx_tasks must be a function marked with @hookimpl",
    ),
    "a hook that is no function": (f"{HEAD}igx_tasks = []", "igx_tasks must be a function marked with @hookimpl"),
    "a wrapper": (
        f"{HEAD}@hookimpl(wrapper=True)\ndef igx_tasks():\n    return (yield)",
        r"igx_tasks\(\) is a hook wrapper",
    ),
    "an argument too many": (
        f"{HEAD}@hookimpl\ndef igx_tasks(config):\n    return []",
        r"igx_tasks\(\) has an argument 'config'; igx_tasks gives it none\.",
    ),
    "a wrong argument of an observer": (
        f"{HEAD}@hookimpl\ndef igx_epoch_ended(run, metric):\n    pass",
        r"igx_epoch_ended\(\) has an argument 'metric'; igx_epoch_ended gives it run and metrics\.",
    ),
    "a string for a spec": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    yield 'ant'",
        r"igx_tasks\(\) yielded 'ant'; it must yield TaskSpec records\.",
    ),
    "a spec of another kind": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    yield CommandSpec(name='x', target='a:b', summary='s')",
        r"igx_tasks\(\) yielded CommandSpec\(.*\); it must yield TaskSpec records\.",
    ),
    "nothing at all": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    {TASK.format('ant')}",
        r"igx_tasks\(\) returned None; it must",
    ),
    "a spec that is refused": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    yield TaskSpec(name='An Ant', target='a:B', summary='s')",
        "The task name 'An Ant' must be lower-case letters",
    ),
    "a field that no spec has": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    yield TaskSpec(nome='ant')",
        r"TypeError: TaskSpec.__init__\(\) got an unexpected keyword argument 'nome'",
    ),
    "a hook that raises half-way": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    yield {TASK.format('half')}\n    1 / 0",
        "ZeroDivisionError: division by zero",
    ),
    "a name twice": (
        f"{HEAD}@hookimpl\ndef igx_tasks():\n    for _ in 'ab':\n        yield {TASK.format('twice')}",
        "The task 'twice' is offered twice by 'bad'",
    ),
    "a good hook beside a bad one": (
        f"{GOOD.replace('hop', 'half')}@hookimpl\ndef igx_commands():\n    yield 3",
        r"igx_commands\(\) yielded 3",
    ),
}


def found() -> Plugins:
    return discover(Choice())


@pytest.mark.parametrize(("source", "reason"), WRONGS.values(), ids=WRONGS.keys())
def test_a_plugin_with(
    distributions: Distributions, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    """... is left out whole and reported by name, version and reason, while the others work."""
    distributions.add("igx-bad", source, version="0.2.0")
    distributions.add("igx-good", GOOD)
    plugins = found()
    [bad] = [record for record in plugins.records if record.provider == "bad"]
    assert re.search(reason, bad.reason), bad.reason
    assert "\n" not in bad.reason
    assert (bad.distribution, bad.version, bad.entry_point, bad.status) == ("igx-bad", "0.2.0", "tasks", Status.BROKEN)
    assert bad.traceback.startswith("Traceback")
    assert plugins.broken == [bad]
    assert plugins.tasks.get("hop").summary == "A task."
    assert "half" not in plugins.tasks.names()
    assert caplog.messages == [f"igx-bad 0.2.0 failed to load ({bad.reason}); see `igx plugins bad`"]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize(("source", "reason"), WRONGS.values(), ids=WRONGS.keys())
def test_strictly_a_plugin_is_an_error_with(distributions: Distributions, source: str, reason: str) -> None:
    distributions.add("igx-bad", source, version="0.2.0")
    with pytest.raises(PluginLoadError, match=rf"igx-bad 0\.2\.0 failed to load \(.*{reason}.*\)\.$") as caught:
        discover(Choice(strict=True))
    assert caught.value.__cause__ is not None


def test_ctrl_c_while_a_plugin_loads_ends_the_program(distributions: Distributions) -> None:
    distributions.add("igx-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        found()


def test_an_entry_point_that_names_no_module_is_reported(distributions: Distributions) -> None:
    distributions.add("igx-bad", "", entry_points="[igx]\ntasks = not a module!\n")
    [bad] = found().broken
    assert bad.target == "not a module!"


def test_an_unreadable_list_of_entry_points_is_reported_and_hides_nobody(distributions: Distributions) -> None:
    distributions.add("igx-bad", "", entry_points="[igx]\nno equals sign\n")
    distributions.add("igx-good", GOOD)
    plugins = found()
    assert [(record.distribution, record.entry_point) for record in plugins.broken] == [("igx-bad", "")]
    assert plugins.tasks.get("hop")


def test_a_distribution_without_a_name_is_reported_as_unknown(distributions: Distributions) -> None:
    distributions.add("igx-bad", "import does_not_exist")
    distributions.write("igx_bad-1.0.dist-info/METADATA", "")
    assert [record.title for record in found().broken] == ["unknown ?"]


def test_what_a_plugin_prints_stays_out_of_standard_output(
    distributions: Distributions, capsys: pytest.CaptureFixture[str]
) -> None:
    distributions.add("igx-loud", f"print('hello')\n{GOOD}")
    found()
    assert capsys.readouterr() == ("", "hello\n")


def test_an_unknown_name_mentions_the_plugins_that_are_missing(distributions: Distributions) -> None:
    distributions.add("igx-bad", "import does_not_exist")
    distributions.add("igx-left", GOOD)
    plugins = discover(Choice(without=frozenset({"left"})))
    with pytest.raises(UnknownNameError) as caught:
        plugins.tasks.get("cartpol")
    assert str(caught.value) == (
        "No task is called 'cartpol'. Did you mean 'cartpole'? A plugin that failed to load may provide it: igx-bad. "
        "Left out by IGX_PLUGINS: igx-left."
    )


OBSERVER = f"""{HEAD}
@hookimpl
def igx_run_started(run):
    run.append("started")

@hookimpl
def igx_epoch_ended(metrics):
    raise {{error}}
"""


@pytest.mark.parametrize("error", ["ValueError('oh')", "SystemExit(3)"])
def test_an_observer_that_raises_is_reported_once_and_not_called_again(
    distributions: Distributions, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    distributions.add("igx-watch", OBSERVER.format(error=error))
    run: list[str] = []
    plugins = found()
    plugins.notify("igx_run_started", run=run)
    for _ in range(2):
        plugins.notify("igx_epoch_ended", run=run, metrics={})
    plugins.notify("igx_run_started", run=run)
    assert run == ["started"]
    [message] = caplog.messages
    assert re.fullmatch(
        r"igx-watch 1\.0 failed in igx_epoch_ended \(\w+: \w+\); its observers are not called again", message
    )


def test_an_observer_that_raises_leaves_the_others_watching(distributions: Distributions) -> None:
    distributions.add("igx-bad", OBSERVER.format(error="ValueError"))
    distributions.add("igx-watch", f"{HEAD}@hookimpl\ndef igx_epoch_ended(run, metrics):\n    run.append(metrics)")
    run: list[dict[str, float]] = []
    plugins = found()
    plugins.notify("igx_epoch_ended", run=run, metrics={"return": 3.0})
    assert run == [{"return": 3.0}]


def test_strictly_an_observer_that_raises_is_an_error(distributions: Distributions) -> None:
    distributions.add("igx-watch", OBSERVER.format(error="ValueError('oh')"))
    with pytest.raises(PluginError, match=r"igx-watch 1\.0 failed in igx_epoch_ended \(ValueError: oh\)\."):
        discover(Choice(strict=True)).notify("igx_epoch_ended", run=[], metrics={})


def test_ctrl_c_in_an_observer_passes_through(distributions: Distributions) -> None:
    distributions.add("igx-watch", OBSERVER.format(error="KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        found().notify("igx_epoch_ended", run=[], metrics={})
