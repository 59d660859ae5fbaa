"""Says on a terminal what is being waited for, in a line on standard error that goes away."""

import contextlib
import sys
from collections.abc import Callable, Generator


@contextlib.contextmanager
def waiting(text: str = "") -> Generator[Callable[[str], None]]:
    """Show `text`, and whatever the function that this yields is called with, one at a time; elsewhere show nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(f"{text} …")) as status:
        yield lambda said: status.update(Text(f"{said} …"))
