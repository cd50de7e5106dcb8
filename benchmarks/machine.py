"""What the machine is, and the rate of its own matrix products."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np


def sgemm(size: int = 2048, repeats: int = 4) -> float:
    """GFLOP/s of a square float32 product by NumPy's BLAS: the best of a few, as a limit should be."""
    a = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    out = np.empty_like(a)
    return 2e-9 * size**3 / fastest(lambda: np.matmul(a, a, out=out), repeats)


def ssyrk(n: int, d: int, repeats: int = 3) -> float:
    """GFLOP/s of XᵀX in float32 by SciPy's BLAS, counting the half that is computed."""
    from scipy.linalg.blas import ssyrk as product

    x = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)
    return 1e-9 * n * d**2 / fastest(lambda: product(1.0, x.T), repeats)


def fastest(work: Any, repeats: int) -> float:
    """Seconds of the best of a few, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def busy() -> float:
    """Seconds that all processors have worked since the start, for anybody, and that a hypervisor took away."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def describe(threads: int) -> dict[str, Any]:
    """Processor, cores, memory and Python, for the record."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "")
    flags = next((line.split(":", 1)[1].split() for line in info.splitlines() if line.startswith("flags")), [])
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return {
        "processor": model or platform.machine(),
        "widest vectors": "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def commit() -> str:
    """The commit that is measured, with a plus where the tree differs from it."""
    here = Path(__file__).parents[1]

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    dirty = git("status", "--porcelain", "--", "src", "benchmarks/*.py", "CMakeLists.txt")
    return git("rev-parse", "HEAD") + ("+" if dirty else "")
