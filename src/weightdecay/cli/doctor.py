"""``weightdecay doctor``: what of this machine matters, and what would make the work faster."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from weightdecay.cli.machine import NEEDED, OPTIONAL, THREADS
from weightdecay.cli.options import AsJson
from weightdecay.cli.sentences import sentences, tell

# Kernels of OpenBLAS that use none of the wide instructions of current processors.
OLD_KERNELS = ("generic", "prescott", "core2", "penryn", "dunnington", "nehalem", "atom", "armv8")
SLOW = 3.0  # GFLOP/s of a core, of which current ones do 20 to 100
GAIN = 1.3  # factor that all threads ought to bring over one
LITTLE = 1e9  # bytes


def doctor(*, as_json: AsJson = False) -> None:
    """Say what of this machine matters for the work, and what would make it faster; takes a second or two."""
    with sentences():
        from weightdecay.cli.machine import facts

        found = facts()
        advised = list(advice(found))
        if as_json:
            sys.stdout.write(json.dumps({**found, "advice": advised}, allow_nan=False) + "\n")
        else:
            tell(_told(found, advised))


def advice(found: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on what could be better."""
    for name in NEEDED:
        if found["packages"][name] is None:
            yield f"{name} is missing: pip install {name}"
    yield from _kernels(found)
    yield from _threads(found)
    yield from _speed(found)
    free = found["memory"]["available"]
    if free is not None and free < LITTLE:
        yield (
            f"only {_bytes(free)} of memory are free: a table of n rows and p columns takes 8 n p bytes, and the work "
            "on it up to a few times as many"
        )
    if not found["matplotlib"]["writable"]:
        yield (
            f"matplotlib cannot write to {found['matplotlib']['folder']} and looks through all fonts at every start: "
            "set MPLCONFIGDIR to a folder that it can write to"
        )
    yield from _torch(found)


def _kernels(found: Mapping[str, Any]) -> Iterator[str]:
    """Whether the linear algebra was made for this processor."""
    blas = found["blas"]
    capable = "avx2" in blas["processor"] or blas["machine"].lower() in ("aarch64", "arm64")
    old = sorted({one["kernels"] for one in blas["libraries"] if str(one["kernels"]).lower() in OLD_KERNELS})
    if not (capable and old):
        return
    forced = found["environment"].get("OPENBLAS_CORETYPE")
    what = f"OPENBLAS_CORETYPE={forced} forces them: unset it" if forced else "update numpy and scipy, or use MKL"
    yield f"OpenBLAS runs its {' and '.join(old)} kernels, which leave the wide instructions unused; {what}"


def _threads(found: Mapping[str, Any]) -> Iterator[str]:
    """Whether there are as many threads as cores."""
    cores, environment = found["cores"], found["environment"]
    usable = cores["usable"]
    counts = [one["threads"] for one in found["blas"]["libraries"] if one["threads"] is not None]
    limits = {name: int(environment[name]) for name in THREADS if environment.get(name, "").strip().isdigit()}
    if counts and max(counts) > usable:
        yield (
            f"{max(counts)} threads share {usable} core{'' if usable == 1 else 's'} and wait for each other: set "
            f"OMP_NUM_THREADS={usable} and OPENBLAS_NUM_THREADS={usable}"
        )
    elif counts and max(counts) < usable and (low := [f"{name}={n}" for name, n in limits.items() if n < usable]):
        yield (
            f"{' and '.join(low)} leaves cores idle ({usable} could be used): unset it, unless other work runs beside "
            "this"
        )
    if cores["quota"] is not None and cores["quota"] < cores["allowed"]:
        yield (
            f"the container allows the time of {cores['quota']:g} cores, though {cores['allowed']} are seen: give it "
            "more if the work is long"
        )


def _speed(found: Mapping[str, Any]) -> Iterator[str]:
    """Whether products of matrices are as fast as they could be."""
    speed, usable = found["speed"], found["cores"]["usable"]
    one, every = speed["1"], speed[str(usable)]
    if one < SLOW:
        yield (
            f"one core does {one:g} GFLOP/s where current ones do 20 to 100: a BLAS without optimised kernels, or a "
            "processor that is emulated, throttled or busy"
        )
    if usable > 1 and every < GAIN * one:
        yield (
            f"{usable} threads do {every:g} GFLOP/s, one alone {one:g}: other work keeps the cores busy, or they are "
            "halves of one core"
        )


def _torch(found: Mapping[str, Any]) -> Iterator[str]:
    """What networks could compute on."""
    devices = found["devices"]
    if devices["torch"] is None:
        yield "torch is not installed: only networks need it (pip install 'weightdecay[torch]')"
    elif devices["error"] is not None:
        yield f"torch is installed but does not start ({devices['error']}): install it anew"
    elif devices["nvidia_driver"] and not devices["cuda"]:
        yield "there is an NVIDIA driver, but this torch does not see a device: install torch's build for CUDA"


def _bytes(count: float) -> str:
    """A size in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _told(found: Mapping[str, Any], advised: list[str]) -> Any:
    """Facts and advice for eyes."""
    from rich.console import Group

    from weightdecay import terminal

    known = (f"[dim]{name:<11}[/] {terminal.sentence(value)}" for name, value in _lines(found))
    advised = [f"[yellow]•[/] {terminal.sentence(one)}" for one in advised] or ["[dim]Nothing to do.[/]"]
    return Group(*known, "", *advised)


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Facts in words."""
    packages, cores, memory = found["packages"], found["cores"], found["memory"]
    yield "weightdecay", f"{packages['weightdecay'] or 'not installed'}, Python {found['python']['version']}"
    yield "system", found["python"]["system"]
    yield "packages", ", ".join(f"{name} {packages[name] or 'missing'}" for name in NEEDED)
    yield "optional", ", ".join(f"{name} {packages[name] or 'not there'}" for name in OPTIONAL)
    quota = "" if cores["quota"] is None else f", time of {cores['quota']:g} by the container"
    yield "cores", f"{cores['usable']} usable ({cores['machine']} in the machine, {cores['allowed']} allowed{quota})"
    if memory["available"] is not None:
        yield "memory", f"{_bytes(memory['available'])} free of {_bytes(memory['total'] or memory['available'])}"
    for one in found["blas"]["libraries"]:
        kernels = f", kernels {one['kernels']}" if one["kernels"] else ""
        threads = f", {one['threads']} thread{'' if one['threads'] == 1 else 's'}" if one["threads"] else ""
        whose = f" of {one['package']}" if one.get("package") else ""
        yield "BLAS", f"{one['library']} {one['version'] or ''}{whose}{kernels}{threads}"
    if found["blas"]["processor"]:
        yield "processor", f"{found['blas']['machine']} with {', '.join(found['blas']['processor'])}"
    for threads, speed in found["speed"].items():
        yield "speed", f"{speed:g} GFLOP/s with {threads} thread{'' if threads == '1' else 's'} (product of matrices)"
    yield "variables", ", ".join(f"{name}={value}" for name, value in found["environment"].items()) or "none set"
    devices = found["devices"]
    seen = [*devices["cuda"], *(["MPS"] if devices["mps"] else [])]
    yield "devices", ", ".join(seen) or ("the processor alone" if devices["torch"] else "not asked: no torch")
    cache = found["matplotlib"]
    yield "fonts", f"{cache['folder']} ({'can' if cache['writable'] else 'cannot'} be written)"
