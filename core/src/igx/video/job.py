"""A film to be drawn, as files that go from the process that trains to the one that draws."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import mujoco

from igx.video.camera import Picture
from igx.video.encode import write
from igx.video.film import Film
from igx.video.scene import Shot, draw

HASTE = "haste"
"""Once a file of this name is there, drawing takes all the time it needs."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A film, how to draw it, and where to.

    Attributes:
        film, shot: what and how.
        output: the video.
        share: of the time that may be spent drawing; what trains on the same GPU is held up for no more than this.
    """

    film: Film
    shot: Shot
    output: Path
    share: float

    def save(self, folder: Path) -> None:
        """Write the files; the model once only, since it stays the same."""
        model = folder / "model.mjb"
        if not model.exists():
            mujoco.mj_saveModel(self.film.model, str(model), None)
        self.film.save(folder / "film.npz")
        rest = {"shot": asdict(self.shot), "output": str(self.output), "share": self.share}
        (folder / "job.json").write_text(json.dumps(rest), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Read them."""
        model = mujoco.MjModel.from_binary_path(str(folder / "model.mjb"))
        rest = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        return cls(
            film=Film.load(folder / "film.npz", model),
            shot=Shot(**rest["shot"]),
            output=Path(rest["output"]),
            share=rest["share"],
        )

    def do(self, folder: Path) -> None:
        """Draw and write the video, in `folder` until it is complete.

        Raises:
            IgxError: it can't be drawn or written.
        """
        rate = self.shot.frame_rate(self.film)
        write(self._at_leisure(folder / HASTE), self.output, frame_rate=rate, until_complete=folder)

    def _at_leisure(self, haste: Path) -> Iterator[Picture]:
        began = time.perf_counter()
        for picture in draw(self.film, self.shot):
            took = time.perf_counter() - began
            if not haste.exists():
                time.sleep(took * (1.0 / self.share - 1.0))
            began = time.perf_counter()
            yield picture
