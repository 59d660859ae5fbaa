"""Real distributions in a folder of their own, and the `igx` program as a process among them."""

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import textwrap
from collections.abc import Mapping
from pathlib import Path

IGX = Path(sys.executable).with_name("igx")

_CHANGES_OUTPUT = ("IGX_", "_IGX", "COLUMNS", "NO_COLOR", "FORCE_COLOR")


class Distributions:
    """Installs distributions, modules and metadata, into a folder that stands on the import path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, source: str, *, version: str = "1.0", entry_points: str | None = None) -> None:
        """Install `name` with one module, called after it, that an entry point `tasks` of the group `igx` names."""
        module = name.replace("-", "_").replace(".", "_").lower()
        self.write(f"{module}.py", source)
        info = f"{module}-{version}.dist-info"
        self.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        self.write(f"{info}/entry_points.txt", entry_points or f"[igx]\ntasks = {module}\n")

    def write(self, path: str, text: str) -> None:
        """Write one file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))


class Program:
    """Runs `igx` as users do, among the distributions of a test."""

    def __init__(self, distributions: Distributions) -> None:
        self.distributions = distributions

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run `igx ARGUMENTS` and return what came of it."""
        return self._run([str(IGX), *arguments], env or {})

    def in_bash(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line of bash in which `igx` is the program."""
        return self._run(["bash", "-c", line], {})

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `igx ARGUMENTS` and leave it running; it hears Ctrl-C even if the tests were started without."""
        pipe = subprocess.PIPE
        env = self._environment({"PYTHONUNBUFFERED": "1"})
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored is so in children, too
        try:
            return subprocess.Popen([IGX, *arguments], env=env, stdout=pipe, stderr=pipe, text=True)
        finally:
            signal.signal(signal.SIGINT, heard)

    def on_terminal(self, *arguments: str, columns: int = 80, env: Mapping[str, str] | None = None) -> str:
        """Run `igx ARGUMENTS` on a terminal of that width and return all that it shows."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environment = self._environment({"TERM": "xterm-256color", **(env or {})})
        process = subprocess.Popen([IGX, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux's word for the end of a terminal
            while part := os.read(ours, 4096):
                shown += part
        process.wait(timeout=60)
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    def _run(self, command: list[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        environment = self._environment(env)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_CHANGES_OUTPUT)}
        path = f"{IGX.parent}{os.pathsep}{ours.get('PATH', '')}"
        return {**ours, "PATH": path, "PYTHONPATH": str(self.distributions.folder), **env}
