"""Chooses the extension module that this processor can run; ``TACIT_ISA`` forces another."""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
from pathlib import Path
from types import ModuleType

_LEVELS = {  # what each module was compiled for, best first
    "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "v3": {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "v2": set(),
    "base": set(),
}
_after_fork = False


def _forked() -> None:
    global _after_fork
    _after_fork = True


os.register_at_fork(after_in_child=_forked)


def _flags() -> set[str]:
    if platform.machine() not in ("x86_64", "AMD64"):
        return set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


def available() -> list[str]:
    """The instruction sets that were built and that this processor has, best first."""
    flags = _flags()
    here = Path(__file__).parent
    return [isa for isa, need in _LEVELS.items() if need <= flags and any(here.glob(f"_native_{isa}.*so"))]


def load(isa: str) -> ModuleType:
    """The module compiled for one instruction set."""
    name = f"tacit.kernels._native_{isa}"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        own = Path(__file__).with_name("libgomp.so.1")
        if "libgomp" not in str(error) or not own.exists():
            raise
        ctypes.CDLL(str(own), mode=ctypes.RTLD_GLOBAL)  # a machine that never had a compiler: the wheel's own copy
        return importlib.import_module(name)


def _choose() -> ModuleType:
    found = available()
    wanted = os.environ.get("TACIT_ISA")
    if wanted is not None and wanted not in found:
        raise ImportError(f"TACIT_ISA={wanted}, but this installation and processor have {', '.join(found) or 'none'}")
    if wanted is None and not found:
        raise ImportError("tacit's compiled kernels are missing: install the package with `pip install .`")
    return load(wanted or found[0])


module = _choose()


def threads() -> int:
    """How many threads a kernel uses: OpenMP's limit (and threadpoolctl's); one after a fork, where OpenMP hangs."""
    return 1 if _after_fork else int(module.max_threads())
