"""What training takes of the machine: memory at its peak, and the share of the time in which the GPU is busy."""

import contextlib
import gc
import importlib
import re
import resource
import statistics
import sys
import threading
from pathlib import Path

import torch

_SAMPLE_EVERY_S = 0.1
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """The most memory that is taken since `restart`.

    On CUDA what torch has allocated at most, and what the process holds beside torch: Warp's arrays, compiled kernels
    and graphs, less what was in use when this was made. On the CPU the resident memory of the whole process.

    Args:
        device: whose memory; on CUDA this is best made before anything is.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = _beside_torch(device) if device.type == "cuda" else 0

    def restart(self) -> None:
        """Forget the peak so far, and give back what nobody uses any more."""
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with contextlib.suppress(OSError):  # only Linux can; elsewhere the peak is that of the process's whole life
                _CLEAR.write_text("5")

    def read(self) -> int:
        """Bytes; to be asked while what takes them is still there."""
        if self._device.type == "cuda":
            beside = max(_beside_torch(self._device) - self._before, 0)
            return torch.cuda.max_memory_allocated(self._device) + beside
        return _peak_resident()


def _beside_torch(device: torch.device) -> int:
    """Bytes in use on a CUDA device that torch doesn't hold, by whomever."""
    torch.cuda.synchronize(device)
    free, total = torch.cuda.mem_get_info(device)
    return total - free - torch.cuda.memory_reserved(device)


def _peak_resident() -> int:
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), flags=re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Utilisation:
    """Samples, in a thread of its own, which share of the time a GPU has something to do.

    Args:
        device: what to look at; a CPU has no such figure.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._samples: list[float] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def start(self) -> None:
        """Begin to sample, if that can be done here."""
        if _utilisation(self._device) is not None:
            self._thread.start()

    def stop(self) -> float | None:
        """End, and return the mean, 0 ... 1; None without a CUDA device or without nvidia-ml-py."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join()
        return statistics.fmean(self._samples) if self._samples else None

    def _sample(self) -> None:
        while not self._ends.wait(_SAMPLE_EVERY_S):
            share = _utilisation(self._device)
            if share is not None:
                self._samples.append(share)


def _utilisation(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    try:
        nvml = importlib.import_module("pynvml")
    except ModuleNotFoundError:
        return None
    try:
        return torch.cuda.utilization(device) / 100
    except (nvml.NVMLError, ModuleNotFoundError):  # not on every kind of GPU; torch looks for it when it is imported
        return None
