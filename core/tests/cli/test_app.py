"""The `igx` program around its commands: help, names, messages, exit codes, completion."""

import json
import re
import resource
import signal

import pytest
from installed import Distributions, Program

COMMANDS = """
    import click

    from igx.errors import {error}


    @click.command()
    @click.option("--depth", type=int, default=1)
    def dig(depth):
        {body}
"""

PLUGIN = """
    from igx.plugins import CommandSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_commands():
        yield CommandSpec(name="{name}", target="{target}", summary="Dig a hole.")
"""


def install(distributions: Distributions, body: str, *, error: str = "IgxError", name: str = "dig") -> None:
    """Install igx-acme, whose command `name` does `body`."""
    distributions.write("acme_commands.py", COMMANDS.format(body=body, error=error))
    distributions.add("igx-acme", PLUGIN.format(name=name, target="acme_commands:dig"))


def test_help_lists_the_commands_of_igx_and_those_of_plugins(distributions: Distributions, igx: Program) -> None:
    install(distributions, "pass")
    done = igx("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"^Commands:\n(  .+\n)*  list-tasks +List the tasks of all installed plugins\.$", done.stdout, re.MULTILINE
    )
    assert re.search(r"^Commands of plugins:\n  dig +Dig a hole\.$", done.stdout, re.MULTILINE)
    assert igx().stdout == igx("-h").stdout == done.stdout


def test_help_lists_a_command_that_cannot_be_imported(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-acme", PLUGIN.format(name="dig", target="nowhere:dig"))
    assert "dig" in igx("--help").stdout


def test_version(igx: Program) -> None:
    done = igx("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"igx \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list-taks"], "error: No command is called 'list-taks'. Did you mean 'list-tasks'?\n"),
        (["acme:train"], "error: No command is called 'acme:train'."),
        (["--versoin"], "error: No such option"),
        (["list-tasks", "--jsn"], "error: No such option"),
        (["list-tasks", "cartpole"], "error: Got unexpected extra argument (cartpole)"),
        (["plugins", "nobody"], "error: No plugin is called 'nobody'."),
    ],
)
def test_wrong_input_is_answered_in_a_line_and_exit_code_2(igx: Program, arguments: list[str], message: str) -> None:
    done = igx(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_a_wrong_option_gets_the_nearest_one_and_the_way_to_help(igx: Program) -> None:
    error, hint = igx("list-tasks", "--jsn").stderr.splitlines()
    assert "--json" in error
    assert hint == "See `igx list-tasks --help`."


def test_a_plugins_command_runs(distributions: Distributions, igx: Program) -> None:
    install(distributions, 'click.echo(f"{depth} m deep")')
    done = igx("dig", "--depth", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 m deep\n", "")


def test_what_a_command_returns_is_no_exit_code(distributions: Distributions, igx: Program) -> None:
    install(distributions, "return 7")
    assert igx("dig").returncode == 0


def test_a_plugin_cannot_take_the_name_of_a_command_of_igx(distributions: Distributions, igx: Program) -> None:
    install(distributions, 'click.echo("dug")', name="plugins")
    assert "igx-acme" in igx("plugins").stdout
    assert igx("acme:plugins").stdout == "dug\n"
    assert "acme:plugins" in igx("--help").stdout


@pytest.mark.parametrize(("error", "code"), [("ConfigError", 2), ("RunFailure", 1), ("PluginLoadError", 1)])
def test_an_error_of_igx_is_one_line_with_its_exit_code(
    distributions: Distributions, igx: Program, error: str, code: int
) -> None:
    install(distributions, f'raise {error}("The hole is too deep.")', error=error)
    done = igx("dig")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "error: The hole is too deep.\n")


def test_a_bug_keeps_its_traceback(distributions: Distributions, igx: Program) -> None:
    install(distributions, "1 / 0")
    done = igx("dig")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_log_record_is_a_line_on_standard_error(distributions: Distributions, igx: Program) -> None:
    body = 'import logging; log = logging.getLogger("igx.acme"); log.debug("a"); log.info("b"); log.warning("%s", "c")'
    install(distributions, body)
    done = igx("dig")
    assert (done.stdout, done.stderr) == ("", "b\nwarning: c\n")


def test_a_command_that_cannot_be_imported_is_one_line(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-acme", PLUGIN.format(name="dig", target="nowhere:dig"))
    done = igx("dig")
    assert done.returncode == 1
    assert done.stderr == (
        "error: The command 'dig' cannot be loaded from 'nowhere:dig' "
        "(ModuleNotFoundError: No module named 'nowhere'). IGX_STRICT_PLUGINS=1 shows the traceback.\n"
    )
    strict = igx("dig", env={"IGX_STRICT_PLUGINS": "1"}).stderr
    assert "Traceback" in strict
    assert strict.endswith(done.stderr)


def test_a_command_that_is_none_is_one_line(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-acme", PLUGIN.format(name="dig", target="math:pi"))
    done = igx("dig")
    assert (done.returncode, done.stderr) == (
        1,
        "error: The command 'dig' cannot run: 'math:pi' is no click command.\n",
    )


def test_a_broken_plugin_is_a_warning_and_every_command_works(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-bad", "import trimesh_of_nowhere", version="0.2.0")
    warning = (
        "warning: igx-bad 0.2.0 failed to load (ModuleNotFoundError: No module named 'trimesh_of_nowhere'); "
        "see `igx plugins bad`\n"
    )
    for arguments in (["--help"], ["list-tasks"], ["list-tasks", "--json"], ["plugins"], ["plugins", "bad"]):
        done = igx(*arguments)
        assert (done.returncode, done.stderr) == (0, warning)
        assert done.stdout


def test_strictly_a_broken_plugin_ends_every_command_with_its_traceback(
    distributions: Distributions, igx: Program
) -> None:
    distributions.add("igx-bad", "import trimesh_of_nowhere")
    done = igx("list-tasks", env={"IGX_STRICT_PLUGINS": "1"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "igx_bad.py" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last == ("error: igx-bad 1.0 failed to load (ModuleNotFoundError: No module named 'trimesh_of_nowhere').")


def test_a_plugin_that_exits_does_not_end_igx(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-bad", "import sys; sys.exit(7)")
    done = igx("list-tasks")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "(SystemExit: 7)" in done.stderr


def test_what_a_plugin_prints_does_not_spoil_json(distributions: Distributions, igx: Program) -> None:
    distributions.add(
        "igx-loud", f"print('hello')\n{COMMANDS}".replace("{body}", "pass").replace("{error}", "IgxError")
    )
    assert json.loads(igx("plugins", "--json").stdout)


@pytest.mark.parametrize("value", ["acme", "-", "off,-acme"])
def test_a_malformed_choice_of_plugins_is_wrong_input(igx: Program, value: str) -> None:
    done = igx("list-tasks", env={"IGX_PLUGINS": value})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: IGX_PLUGINS is {value!r}; it must be 'off' or '-NAME[,-NAME]'")


def test_ctrl_c_is_exit_code_130_without_a_traceback(distributions: Distributions, igx: Program) -> None:
    install(distributions, 'click.echo("digging"); import time; time.sleep(60)')
    program = igx.start("dig")
    assert program.stdout
    assert program.stdout.readline() == "digging\n"
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=30)
    assert (program.returncode, errors.strip()) == (130, "")


def test_declining_a_question_is_exit_code_1(distributions: Distributions, igx: Program) -> None:
    install(distributions, 'click.confirm("Sure?", abort=True)')
    assert igx.in_bash("echo n | igx dig").returncode == 1


@pytest.mark.parametrize("arguments", ["--help", "list-tasks", "plugins --json"])
def test_a_reader_that_leaves_early_ends_a_command_quietly(igx: Program, arguments: str) -> None:
    done = igx.in_bash(f"igx {arguments} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_reader_that_leaves_before_a_printed_line_is_written_ends_a_command_quietly(
    distributions: Distributions, igx: Program
) -> None:
    install(distributions, "print('dug')")
    done = igx.in_bash("igx dig | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("1\n", "")


def completions(igx: Program, *words: str) -> list[str]:
    """What bash is offered for the last of `words`."""
    line = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = igx(env={"_IGX_COMPLETE": "bash_complete", **line})
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_the_shell_completes_commands_options_and_names(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-bad", "import does_not_exist")
    distributions.add("igx-acme", PLUGIN.format(name="dig", target="nowhere:dig"))
    assert completions(igx, "igx", "list") == ["list-tasks"]
    assert completions(igx, "igx", "di") == ["dig"]
    assert completions(igx, "igx", "--v") == ["--version"]
    assert completions(igx, "igx", "list-tasks", "--w") == ["--widths"]
    assert completions(igx, "igx", "plugins", "ac") == ["acme"]


def test_the_shell_completes_tasks_and_the_presets_of_the_task_before(
    distributions: Distributions, igx: Program
) -> None:
    source = PLUGIN.replace("CommandSpec", "TaskSpec").replace("igx_commands", "igx_tasks")
    distributions.add("igx-acme", source.format(name="hop", target="acme_tasks:Hop"))
    distributions.write("acme_tasks/__init__.py", "raise AssertionError('imported')")
    distributions.write("acme_tasks/presets/hop.ice.yaml", "{}")
    assert completions(igx, "igx", "train", "ho") == ["hop"]
    assert completions(igx, "igx", "train", "hop", "--preset", "i") == ["ice"]
    assert completions(igx, "igx", "train", "--preset", "i") == ["ice"]
    assert completions(igx, "igx", "train", "cartpole", "--preset", "i") == []


def test_completing_after_something_wrong_offers_nothing(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-acme", PLUGIN.format(name="dig", target="nowhere:dig"))
    assert completions(igx, "igx", "nonsense", "--w") == []
    assert completions(igx, "igx", "dig", "--w") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion_script(igx: Program, shell: str) -> None:
    done = igx(env={"_IGX_COMPLETE": f"{shell}_source"})
    assert done.returncode == 0
    assert "_IGX_COMPLETE" in done.stdout


def test_messages_are_coloured_on_a_terminal_unless_no_color_is_set(igx: Program) -> None:
    assert "\x1b[31merror\x1b[0m: No command" in igx.on_terminal("nonsense")
    assert "\x1b" not in igx.on_terminal("nonsense", env={"NO_COLOR": "1"})


@pytest.mark.parametrize("arguments", [["--help"], ["list-tasks"]])
def test_the_first_commands_take_less_than_a_third_of_a_second(igx: Program, arguments: list[str]) -> None:
    """Of processor time, the best of five: what else the machine does is not igx's."""
    assert min(processor_seconds(igx, arguments) for _ in range(5)) < 0.3


def processor_seconds(igx: Program, arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert igx(*arguments).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
