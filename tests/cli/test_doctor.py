"""``weightdecay doctor``: facts of machines that the tests make up, and advice that follows from facts."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weightdecay as wd
from weightdecay.cli import machine
from weightdecay.cli.doctor import _lines, advice

Run = Callable[..., Any]

SOUND: dict[str, Any] = {
    "python": {"version": "3.12.1", "system": "Linux", "file": "/usr/bin/python"},
    "packages": {"weightdecay": "0.1", **dict.fromkeys(machine.NEEDED, "1.0"), "torch": "2.8", "pandas": None},
    "cores": {"machine": 8, "allowed": 8, "quota": None, "usable": 8},
    "memory": {"total": 32e9, "available": 16e9},
    "environment": {},
    "blas": {
        "libraries": [
            {"library": "openblas", "version": "0.3.30", "kernels": "Haswell", "threads": 8, "package": "numpy"}
        ],
        "processor": ["avx2"],
        "machine": "x86_64",
    },
    "speed": {"1": 50.0, "8": 300.0},
    "devices": {"torch": "2.8", "cuda": ["H100"], "mps": False, "nvidia_driver": True, "error": None},
    "matplotlib": {"folder": "/home/me/.cache/matplotlib", "writable": True},
}


def advised(**changes: Any) -> list[str]:
    """Advice on a sound machine but for some facts, given as ``room__fact``; None is a value like any other."""
    found = copy.deepcopy(SOUND)
    for name, value in changes.items():
        room, _, fact = name.partition("__")
        if fact in ("kernels", "threads"):
            found["blas"]["libraries"][0][fact] = value
        elif fact:
            found[room][fact] = value
        else:
            found[room] = value
    return list(advice(found))


def test_a_sound_machine_needs_nothing() -> None:
    assert advised() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"blas__kernels": "Prescott"}, "OpenBLAS runs its Prescott kernels, which leave the wide instructions unused"),
        ({"blas__kernels": "generic"}, "generic kernels"),
        ({"blas__kernels": "armv8", "blas__processor": [], "blas__machine": "aarch64"}, "armv8 kernels"),
        (
            {"blas__kernels": "Nehalem", "environment": {"OPENBLAS_CORETYPE": "Nehalem"}},
            "OPENBLAS_CORETYPE=Nehalem forces them: unset it",
        ),
        ({"blas__threads": 9}, "9 threads share 8 cores and wait for each other: set OMP_NUM_THREADS=8"),
        (
            {"blas__threads": 1, "environment": {"OPENBLAS_NUM_THREADS": "1"}},
            "OPENBLAS_NUM_THREADS=1 leaves cores idle (8 could be used): unset it",
        ),
        ({"cores__quota": 7.5}, "the container allows the time of 7.5 cores, though 8 are seen"),
        ({"speed": {"1": 2.0, "8": 12.0}}, "one core does 2 GFLOP/s where current ones do 20 to 100"),
        ({"speed": {"1": 50.0, "8": 55.0}}, "8 threads do 55 GFLOP/s, one alone 50"),
        ({"memory__available": 0.4e9}, "only 400 MB of memory are free"),
        ({"matplotlib__writable": False}, "set MPLCONFIGDIR to a folder"),
        ({"packages__polars": None}, "polars is missing: pip install polars"),
        ({"devices__torch": None}, "torch is not installed: only networks need it"),
        (
            {"devices__error": "ImportError: libcudart"},
            "torch is installed but does not start (ImportError: libcudart)",
        ),
        ({"devices__cuda": []}, "this torch does not see a device"),
    ],
)
def test_what_could_be_better_is_told_alone(changes: dict[str, Any], told: str) -> None:
    changes = {name: SOUND["packages"] | {"polars": None} if "polars" in name else v for name, v in changes.items()}
    (sentence,) = advised(**{name.replace("__polars", ""): value for name, value in changes.items()})
    assert told in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"blas__kernels": "Zen"},
        {"blas__kernels": "Prescott", "blas__processor": []},  # an old processor has nothing better
        {"blas__kernels": None, "blas__threads": None},  # a library that does not tell
        {"blas__threads": 4},  # fewer, though nobody limits them
        {"blas__threads": 8, "environment": {"OMP_NUM_THREADS": "8"}},
        {"blas__threads": 8, "environment": {"OMP_NUM_THREADS": "many"}},
        {"cores__quota": 8.0},
        {"speed": {"1": 3.1, "8": 24.0}},
        {"speed": {"1": 50.0, "8": 66.0}},
        {"memory__available": None},
        {"memory__available": 1.1e9},
        {"devices__cuda": [], "devices__nvidia_driver": False},
    ],
)
def test_what_is_well_is_not_told(changes: dict[str, Any]) -> None:
    assert advised(**changes) == []


def test_one_core_has_no_threads_to_compare() -> None:
    one = {"machine": 8, "allowed": 1, "quota": None, "usable": 1}
    assert advised(cores=one, speed={"1": 50.0}, blas__threads=1, environment={"OMP_NUM_THREADS": "1"}) == []


def write(system: Path, files: dict[str, str]) -> Path:
    """A system's files."""
    for name, text in files.items():
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(text)
    return system


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        # The tightest of the groups that the process is in.
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/c/cpu.max": "100000 100000\n",
            },
            2.0,
        ),
        ({"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/cpu.max": "what is this\n"}, None),
    ],
)
def test_the_cores_of_a_container(files: dict[str, str], quota: float | None, tmp_path: Path) -> None:
    found = machine.available_cores(write(tmp_path, files))
    assert found["quota"] == quota
    assert 1 <= found["usable"] <= found["allowed"] <= found["machine"]
    assert quota is None or found["usable"] == max(1, min(found["allowed"], int(quota)))


def test_the_memory_of_a_container(tmp_path: Path) -> None:
    files = {"proc/meminfo": "MemTotal:  8000 kB\nMemFree: 10 kB\nMemAvailable:  5000 kB\n"}
    assert machine.memory(write(tmp_path, files)) == {"total": 8192000.0, "available": 5120000.0}
    limit = {"sys/fs/cgroup/memory.max": "3000000\n", "sys/fs/cgroup/memory.current": "1000000\n"}
    assert machine.memory(write(tmp_path, limit))["available"] == 2e6
    full = {"sys/fs/cgroup/memory.current": "4000000\n"}
    assert machine.memory(write(tmp_path, full))["available"] == 0
    assert machine.memory(write(tmp_path, {"sys/fs/cgroup/memory.max": "max\n"}))["available"] == 5120000.0


def test_where_nothing_is_known_of_memory(tmp_path: Path) -> None:
    assert machine.memory(tmp_path)["available"] is None


class Probe:
    """Stands in for the process that asks torch."""

    def __init__(self, code: int = 0, out: str = "", err: str = "", raised: Exception | None = None) -> None:
        self.code, self.out, self.err, self.raised, self.asked = code, out, err, raised, 0

    def __call__(self, words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.asked += 1
        assert words[0] == sys.executable
        if self.raised:
            raise self.raised
        return subprocess.CompletedProcess(words, self.code, self.out, self.err)


def with_torch(monkeypatch: pytest.MonkeyPatch, probe: Probe, *, there: bool = True) -> dict[str, Any]:
    """The devices where torch is installed and says this."""
    monkeypatch.setattr(machine, "find_spec", lambda name: object() if there else None)
    monkeypatch.setattr(machine.subprocess, "run", probe)
    return machine.devices()


def test_torch_is_not_started_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe()
    found = with_torch(monkeypatch, probe, there=False)
    assert (probe.asked, found["torch"], found["cuda"], found["error"]) == (0, None, [], None)


def test_what_torch_says_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_torch(monkeypatch, Probe(out='a warning\n{"cuda": ["H100", "H100"], "mps": true}\n'))
    assert (found["cuda"], found["mps"], found["error"]) == (["H100", "H100"], True, None)


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (Probe(1, err="Traceback\nOSError: libcudart.so not found\n"), "OSError: libcudart.so not found"),
        (Probe(-11), "it ended with code -11"),
        (Probe(0, out=""), "IndexError"),
        (Probe(0, out="no json\n"), "JSONDecodeError"),
        (Probe(raised=subprocess.TimeoutExpired("python", 60)), "TimeoutExpired"),
    ],
)
def test_a_broken_torch_is_told(probe: Probe, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told in with_torch(monkeypatch, probe)["error"]


def test_where_fonts_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "not" / "yet"))
    assert machine.font_cache() == {"folder": str(tmp_path / "not" / "yet"), "writable": True}
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file" / "below"))
    assert not machine.font_cache()["writable"]
    monkeypatch.delenv("MPLCONFIGDIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert machine.font_cache()["folder"] == str(tmp_path / "matplotlib")


def test_the_speed_is_that_of_the_library_and_takes_its_time() -> None:
    began = time.perf_counter()
    speed = machine.gigaflops(1)
    assert 0.01 < speed < 10_000
    assert time.perf_counter() - began < machine.BUDGET + 5


def test_the_command_tells_facts_and_advice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BUDGET", 0.01)
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "[red]\x1b[2J")
    told = json.loads(run("doctor", "--json").out)
    assert told["packages"]["weightdecay"] == wd.__version__
    assert told["packages"]["numpy"] == __import__("numpy").__version__
    assert set(told["packages"]) == {"weightdecay", *machine.NEEDED, *machine.OPTIONAL}
    assert told["blas"]["libraries"] and all(speed > 0 for speed in told["speed"].values())
    assert any("torch is not installed" in one for one in told["advice"])
    done = run("doctor")
    assert (done.code, done.err) == (0, "")
    assert "\x1b[2J" not in done.out and "[red]" in done.out
    assert f"weightdecay {wd.__version__}" in done.out and "GFLOP/s" in done.out
    assert "• torch is not installed" in done.out


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("/venv/lib/python3.12/site-packages/numpy.libs/libscipy_openblas64_-1.so", "numpy"),
        ("/venv/lib/python3.12/site-packages/scipy.libs/libscipy_openblas.so", "scipy"),
        ("/usr/lib/python3/dist-packages/scipy/.dylibs/libopenblas.dylib", "scipy"),
        ("/site-packages/a/site-packages/torch/lib/libmkl.so", "torch"),
        ("/opt/conda/lib/libopenblas.so.0", None),
        ("/venv/site-packages/libopenblas.so", None),
        ("/usr/lib/x86_64-linux-gnu/openblas/libblas.so.3", None),
    ],
)
def test_whose_a_library_is(library: str, package: str | None) -> None:
    assert machine.package_of(library) == package


def test_every_library_is_told_with_its_owner() -> None:
    blas = SOUND["blas"]["libraries"][0]
    libraries = [blas, blas | {"package": None, "library": "mkl"}]
    packages = SOUND["packages"] | dict.fromkeys(machine.OPTIONAL)
    found = SOUND | {"packages": packages, "blas": SOUND["blas"] | {"libraries": libraries}}
    told = [words for name, words in _lines(found) if name == "BLAS"]
    assert told == [
        "openblas 0.3.30 of numpy, kernels Haswell, 8 threads",
        "mkl 0.3.30, kernels Haswell, 8 threads",
    ]


def test_the_list_of_packages_is_that_of_the_project() -> None:
    from importlib.metadata import requires

    everywhere = [one for one in requires("weightdecay") or [] if "extra" not in one and "python_version" not in one]
    assert {one.split(";")[0].split(">")[0].strip() for one in everywhere} == set(machine.NEEDED)
