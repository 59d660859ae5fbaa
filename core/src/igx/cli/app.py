"""The `igx` program: finds its commands in the plugins, and turns an error into one line and an exit code."""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Generator, Sequence
from importlib import metadata

import click
from click.shell_completion import CompletionItem

from igx.cli import render
from igx.errors import IgxError, PluginError, PluginLoadError
from igx.plugins import load_plugins
from igx.plugins.discovery import CORE

_COMPLETION = "_IGX_COMPLETE"  # set by the shell while it asks for completions

SUCCESS, FAILURE, INTERRUPTED = 0, 1, 130
_SPINS = "10000"  # of libgomp: some tenths of a millisecond


class Program(click.Group):
    """A group whose commands are the plugins'; each is imported when it runs, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return load_plugins().commands.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import the command called `cmd_name`.

        Raises:
            UnknownNameError, AmbiguousNameError: it isn't clear which that is.
            PluginLoadError: its module cannot be imported, or holds no click command there.
        """
        spec = load_plugins().commands.get(cmd_name)
        command = spec.load()
        if not isinstance(command, click.Command):
            raise PluginLoadError(f"The command {cmd_name!r} cannot run: {spec.target!r} is no click command.")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their specs."""
        offers = load_plugins().commands.items()
        own = [(offer.name, offer.spec.summary) for offer in offers if offer.provider == CORE]
        others = [(offer.name, offer.spec.summary) for offer in offers if offer.provider != CORE]
        for title, rows in (("Commands", own), ("Commands of plugins", others)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands and options."""
        offers = load_plugins().commands.items()
        names = [CompletionItem(o.name, help=o.spec.summary) for o in offers if o.name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is nobody's business."""
        super().invoke(ctx)


def _print_version(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:  # noqa: FBT001 (click's signature)
    if is_wanted:
        click.echo(f"igx {metadata.version('igx')}")
        ctx.exit()


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print igx's version."
)
@click.pass_context
def program(ctx: click.Context) -> None:
    """Train robot policies on thousands of parallel environments."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the program as the shell called it, and exit."""
    # While torch waits for work, its threads must not take the cores from the physics: on 2 cores, spinning made an
    # environment step three times as long. But to be woken for each of an update's operations makes that a fifth
    # longer: so they spin for a moment. Read when torch is first imported; what the user set stands.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    code = run(sys.argv[1:])
    sys.exit(code if _flushed() else FAILURE)


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code: 0, 1 for a failure, 2 for wrong input, 130 for Ctrl-C."""
    is_completing = _COMPLETION in os.environ
    with _logs_shown(at=logging.CRITICAL if is_completing else logging.INFO):
        try:
            return program.main(list(arguments), prog_name="igx", standalone_mode=False) or SUCCESS
        except IgxError as error:
            if not is_completing:
                _explain(error)
            return error.exit_code
        except click.exceptions.NoArgsIsHelpError as error:
            render.text(error.format_message())  # as of `igx` alone
            return SUCCESS
        except click.ClickException as error:
            render.message("error", error.format_message())
            if isinstance(error, click.UsageError) and error.ctx:
                click.echo(f"See `{error.ctx.command_path} --help`.", err=True)
            return error.exit_code
        except (click.Abort, KeyboardInterrupt) as stop:
            was_interrupted = isinstance(stop.__cause__ or stop, KeyboardInterrupt)
            return INTERRUPTED if was_interrupted else FAILURE


def _explain(error: IgxError) -> None:
    if os.environ.get("IGX_STRICT_PLUGINS") == "1" and isinstance(error, PluginError) and error.__cause__ is not None:
        traceback.print_exception(error)
    render.message("error", str(error))


def _flushed() -> bool:
    """Write out what is left; False, and no traceback, if the reader of the pipe is gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it exits
        return False
    return True


class _LogHandler(logging.Handler):
    """Shows log records as the messages of a program: warnings and errors say so, the rest is plain text."""

    def emit(self, record: logging.LogRecord) -> None:
        render.message(record.levelname.lower() if record.levelno >= logging.WARNING else "", self.format(record))


@contextlib.contextmanager
def _logs_shown(*, at: int) -> Generator[None]:
    """Show what igx logs, at level `at` and above, on standard error."""
    logger = logging.getLogger("igx")
    handler, before = _LogHandler(), (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(at)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
