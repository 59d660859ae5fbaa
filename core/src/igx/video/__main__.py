"""`python -m igx.video FOLDER` draws the film in a folder that `igx.video.job` has made.

With ``--idle`` behind, it only takes the time that others leave.
"""

import os
import sys
from pathlib import Path

if sys.argv[2:] == ["--idle"]:  # first of all, since what is imported below takes time, too
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)

from igx.errors import IgxError
from igx.video.job import Job


def main() -> int:
    """Exit code, after one line on standard error if something went wrong."""
    folder = Path(sys.argv[1])
    try:
        Job.load(folder).do(folder)
    except IgxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
