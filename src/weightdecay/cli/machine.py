"""What of a machine matters for the work: cores, memory, linear algebra and its speed, devices, packages."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NEEDED = (
    *("numpy", "scipy", "scikit-learn", "threadpoolctl", "polars"),
    *("typer", "rich", "jinja2", "matplotlib", "safetensors"),
)
OPTIONAL = ("torch", "pandas", "optuna")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
VARIABLES = (*THREADS, "OPENBLAS_CORETYPE", "MPLCONFIGDIR", "CUDA_VISIBLE_DEVICES")
BUDGET = 0.35  # seconds of multiplying for every number of threads
PATIENCE = 60.0  # seconds that torch may take to start

# Run in a process of its own: torch takes seconds to start, and a broken one may end its process.
_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else []
mps = getattr(torch.backends, "mps", None)
print(json.dumps({"cuda": names, "mps": bool(mps is not None and mps.is_available())}))
"""


def facts() -> dict[str, Any]:
    """All facts, as JSON types."""
    blas = linear_algebra()
    cores = available_cores()
    return {
        "python": {"version": platform.python_version(), "system": platform.platform(), "file": sys.executable},
        "packages": packages(),
        "cores": cores,
        "memory": memory(),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "blas": blas,
        "speed": {str(threads): gigaflops(threads) for threads in sorted({1, cores["usable"]})},
        "devices": devices(),
        "matplotlib": font_cache(),
    }


def packages() -> dict[str, str | None]:
    """Versions of this package and of those that it uses; None for what is not installed."""
    from weightdecay import __version__

    return {"weightdecay": __version__, **{name: _version(name) for name in (*NEEDED, *OPTIONAL)}}


def _version(name: str) -> str | None:
    """The version of a package, without importing it."""
    from importlib.metadata import PackageNotFoundError, version  # which every other command can do without

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def available_cores(system: Path = Path("/")) -> dict[str, Any]:
    """Cores of the machine, those that this process may run on, and the share of them that its container allows."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quota = _quota(system)
    usable = allowed if quota is None else max(1, min(allowed, int(quota)))
    return {"machine": os.cpu_count() or 1, "allowed": allowed, "quota": quota, "usable": usable}


def _groups(system: Path) -> list[Path]:
    """Folders of the control groups that this process is in, from its own to the top; none where there are none."""
    top = system / "sys/fs/cgroup"
    try:
        lines = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return [top]
    own = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    parts = [part for part in own.split("/") if part not in ("", "..")]
    return [top.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]


def _numbers(path: Path) -> list[float]:
    """The numbers in a small file; "max" is no limit and no number."""
    words = " ".join(_lines(path)).split()
    return [float(word) for word in words if word.lstrip("-").isdecimal()]


def _quota(system: Path) -> float | None:
    """How many cores' time the control groups allow (version 2, then 1); None without a limit."""
    old = system / "sys/fs/cgroup/cpu"
    pairs = [_numbers(group / "cpu.max") for group in _groups(system)]
    pairs.append(_numbers(old / "cpu.cfs_quota_us") + _numbers(old / "cpu.cfs_period_us"))
    limits = [pair[0] / pair[1] for pair in pairs if len(pair) == 2 and min(pair) > 0]
    return min(limits, default=None)


def memory(system: Path = Path("/")) -> dict[str, float | None]:
    """Bytes of the machine, and what this process may still take; None where that is not known."""
    lines = [line.split() for line in _lines(system / "proc/meminfo")]
    known = {words[0]: 1024.0 * float(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}
    total = known.get("MemTotal:")
    if total is None and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        total = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    old = system / "sys/fs/cgroup/memory"
    pairs = [_numbers(group / "memory.max") + _numbers(group / "memory.current") for group in _groups(system)]
    pairs.append(_numbers(old / "memory.limit_in_bytes") + _numbers(old / "memory.usage_in_bytes"))
    left = [pair[0] - pair[1] for pair in pairs if len(pair) == 2]
    if "MemAvailable:" in known:
        left.append(known["MemAvailable:"])
    return {"total": total, "available": max(0.0, min(left)) if left else None}


def _lines(path: Path) -> list[str]:
    """The lines of a small file, none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return []


def linear_algebra() -> dict[str, Any]:
    """The libraries that multiply and factorise matrices, their kernels and threads, and what the processor has."""
    import numpy as np
    import scipy.linalg  # noqa: F401 - it may bring a library of its own
    from threadpoolctl import threadpool_info

    found = [
        {
            "library": one["internal_api"],
            "version": one.get("version"),
            "kernels": one.get("architecture"),
            "threads": one["num_threads"],
            "package": package_of(one["filepath"]),
        }
        for one in threadpool_info()
        if one["user_api"] == "blas"
    ]
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    flags = {word for line in _lines(Path("/proc/cpuinfo")) if line.startswith("flags") for word in line.split()[2:]}
    return {
        "libraries": found
        or [{"library": str(built), "version": None, "kernels": None, "threads": None, "package": None}],
        "processor": [name for name in ("avx2", "avx512f") if name in flags],
        "machine": platform.machine(),
    }


def package_of(library: str) -> str | None:
    """The package that brought a library, by the folder that it lies in; None for one of the system or of conda."""
    parts = Path(library).parts
    places = [number for number, part in enumerate(parts) if part in ("site-packages", "dist-packages")]
    if not places or places[-1] + 2 > len(parts) - 1:
        return None
    return parts[places[-1] + 1].removesuffix(".libs")


def gigaflops(threads: int) -> float:
    """Billions of operations a second that some threads do in a product of matrices of float64: the best of a few."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    n, best = 256, 0.0
    matrix = np.random.default_rng(0).standard_normal((n, n))
    with threadpool_limits(threads, user_api="blas"):
        matrix @ matrix  # the first product starts the threads
        end = time.perf_counter() + BUDGET
        while (began := time.perf_counter()) < end:
            matrix @ matrix
            took = time.perf_counter() - began
            best = max(best, 2.0 * n**3 / max(took, 1e-9) / 1e9)
            if took < 0.02 and n < 1024:
                n *= 2
                matrix = np.random.default_rng(0).standard_normal((n, n))
    return round(best, 1)


def devices() -> dict[str, Any]:
    """What torch can compute on besides the processor; torch is not started where it is not installed."""
    driver = Path("/proc/driver/nvidia/version").exists()
    found: dict[str, Any] = {"torch": None, "cuda": [], "mps": False, "nvidia_driver": driver, "error": None}
    if find_spec("torch") is None:
        return found
    found["torch"] = _version("torch") or "of unknown version"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        told = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
        found |= {name: told[name] for name in ("cuda", "mps") if name in told}
        if done.returncode:
            found["error"] = (done.stderr.splitlines() or [f"it ended with code {done.returncode}"])[-1]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError, TypeError) as error:
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def font_cache() -> dict[str, Any]:
    """Where matplotlib keeps its list of fonts, and whether it can."""
    named = os.environ.get("MPLCONFIGDIR")
    home = Path(os.path.expanduser("~"))
    if named:
        folder = Path(named)
    elif sys.platform.startswith(("linux", "freebsd")):
        folder = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "matplotlib"
    else:
        folder = home / ".matplotlib"
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return {"folder": str(folder), "writable": there.is_dir() and os.access(there, os.W_OK | os.X_OK)}
