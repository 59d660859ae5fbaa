"""igx's own checks for `igx doctor`: each looks at one thing and yields what it found."""

import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

from igx.plugins import CheckResult, load_plugins
from igx.video.renderers import ADVICE, can_render

_OLDEST_PYTHON = (3, 11)
_LITTLE_MEMORY = 2.0  # GiB; less than this, and importing torch and a few thousand environments won't fit
_GIB = 2**30


def python() -> Iterator[CheckResult]:
    """Python's version and where it lives."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, _OLDEST_PYTHON))
    yield CheckResult(
        name="python",
        ok=sys.version_info >= _OLDEST_PYTHON,
        detail=f"{version} in {sys.prefix}",
        advice="" if sys.version_info >= _OLDEST_PYTHON else f"Install Python {wanted} or newer.",
    )


def torch() -> Iterator[CheckResult]:
    """PyTorch, its CUDA build, the driver and the GPUs that it sees."""
    broken = _import_result("torch", package="torch")
    if broken:
        yield broken
        return
    import torch

    yield CheckResult(name="torch", ok=True, detail=f"{torch.__version__}, {torch.get_num_threads()} CPU threads")
    yield _cuda()


def compiler() -> Iterator[CheckResult]:
    """Torch's compiler, which only `sim.compile` and `ppo.compile` need."""
    if _import_result("torch", package="torch") is not None:
        return  # which another check tells
    from igx.env.torch_compiler import compiler_fault

    device = "cuda" if _has_cuda() else "cpu"
    fault = compiler_fault(device)
    if fault is None:
        yield CheckResult(name="compiler", ok=True, detail=f"torch can compile for the {device.upper()} (sim.compile)")
        return
    advice = "Long runs train slower without. Install a compiler and Python's headers (Debian: g++ python3-dev)."
    yield CheckResult(name="compiler", ok=None, detail=f"{fault}.", advice=advice)


def mujoco() -> Iterator[CheckResult]:
    """MuJoCo, and the batched stepping that `mujoco-cpu` uses."""
    broken = _import_result("mujoco", package="mujoco") or _import_result("mujoco.batch", package="'mujoco>=3.17'")
    yield broken or CheckResult(name="mujoco", ok=True, detail=f"{metadata.version('mujoco')}, with mujoco.batch")


def warp() -> Iterator[CheckResult]:
    """MuJoCo Warp, which only a GPU needs."""
    broken = _import_result("warp", package="'igx[gpu]'") or _import_result("mujoco_warp", package="'igx[gpu]'")
    if broken is None:
        versions = f"{metadata.version('mujoco-warp')} on Warp {metadata.version('warp-lang')}"
        yield CheckResult(name="mujoco-warp", ok=True, detail=versions)
    elif _has_cuda():
        yield broken
    else:
        yield CheckResult(name="mujoco-warp", ok=None, detail=f"{broken.detail} Without a GPU it isn't needed.")


def rl_games() -> Iterator[CheckResult]:
    """rl_games, which trains."""
    broken = _import_result("rl_games", package="rl-games")
    yield broken or CheckResult(name="rl-games", ok=True, detail=metadata.version("rl-games"))


def plugins() -> Iterator[CheckResult]:
    """Each installed plugin."""
    found = load_plugins()
    for record in found.broken:
        yield CheckResult(
            name="plugins",
            ok=False,
            detail=f"{record.title} failed to load ({record.reason}).",
            advice=f"See `igx plugins {record.provider}`; IGX_PLUGINS=-{record.provider} leaves it out.",
        )
    if not found.broken:
        titles = ", ".join(record.title for record in found.records)
        yield CheckResult(name="plugins", ok=True, detail=titles)


def memory() -> Iterator[CheckResult]:
    """Free memory of the host and of each GPU."""
    import psutil

    yield _memory_result("memory", psutil.virtual_memory().available / _GIB)
    if _has_cuda():
        import torch

        for index in range(torch.cuda.device_count()):
            free_bytes, _ = torch.cuda.mem_get_info(index)
            yield _memory_result(f"cuda:{index}", free_bytes / _GIB)


def rendering() -> Iterator[CheckResult]:
    """Drawing without a display, which only pictures and videos need; tried with a small picture."""
    working = [name for name in ("egl", "osmesa") if can_render(name)]
    if working:
        yield CheckResult(name="rendering", ok=True, detail=f"without a display by {' and '.join(working)}")
    else:
        yield CheckResult(
            name="rendering",
            ok=None,
            detail="Neither EGL nor OSMesa works: no pictures and videos without a display.",
            advice=f"{ADVICE}.",
        )


def video() -> Iterator[CheckResult]:
    """The encoder of videos."""
    broken = _import_result("imageio_ffmpeg", package="'igx[video]'")
    if broken:
        yield CheckResult(name="video", ok=None, detail=f"No MP4: {broken.detail}", advice=broken.advice)
        return
    import imageio_ffmpeg

    try:
        version = imageio_ffmpeg.get_ffmpeg_version()
    except RuntimeError:
        yield CheckResult(
            name="video",
            ok=None,
            detail="No MP4: imageio-ffmpeg finds no ffmpeg.",
            advice="Install ffmpeg, or set IMAGEIO_FFMPEG_EXE.",
        )
    else:
        yield CheckResult(name="video", ok=True, detail=f"MP4 by ffmpeg {version}, GIF by Pillow")


def _cuda() -> CheckResult:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        detail = f"{torch.version.cuda}, driver {_driver() or 'unknown'}: {', '.join(names)}"
        return CheckResult(name="cuda", ok=True, detail=detail)
    driver = _driver()
    if driver is None:
        return CheckResult(name="cuda", ok=None, detail="No NVIDIA driver: training runs on the CPU.")
    if torch.version.cuda is None:
        return CheckResult(
            name="cuda",
            ok=False,
            detail=f"There is an NVIDIA driver ({driver}), but this PyTorch is built for the CPU only.",
            advice="Install PyTorch for CUDA: pip install --force-reinstall torch.",
        )
    return CheckResult(
        name="cuda",
        ok=False,
        detail=f"PyTorch for CUDA {torch.version.cuda} cannot use the driver {driver}.",
        advice="Update the NVIDIA driver, or install a PyTorch for an older CUDA; see CUDA_VISIBLE_DEVICES too.",
    )


def _has_cuda() -> bool:
    if _import_result("torch", package="torch"):
        return False
    import torch

    return torch.cuda.is_available()


def _driver() -> str | None:
    """Version of the NVIDIA kernel driver."""
    path = Path("/proc/driver/nvidia/version")
    if not path.exists():
        return None
    words = path.read_text().splitlines()[0].split()
    return next((word for word in words if word[0].isdigit() and "." in word), "of unknown version")


def _import_result(module: str, *, package: str) -> CheckResult | None:
    """None if `module` can be imported, else what is wrong with it."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name == module
        detail = f"{module} is not installed." if missing else f"{module} lacks the module {error.name!r}."
    except (ImportError, OSError) as error:  # OSError: a shared library that cannot be loaded
        detail = f"{module} cannot be imported ({error})."
    else:
        return None
    return CheckResult(name=module, ok=False, detail=detail, advice=f"pip install {package}")


def _memory_result(name: str, free: float) -> CheckResult:
    is_enough = free >= _LITTLE_MEMORY
    return CheckResult(
        name=name,
        ok=True if is_enough else None,
        detail=f"{free:.1f} GiB free",
        advice="" if is_enough else "Close other programs, or train with fewer environments (--num-envs).",
    )
