"""One contender in a process of its own, so that no pool of threads spins beside another's; it fits when it is told to.

Only one process works at a time: the others wait on a pipe, their threads asleep.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .cases import CASES, Case

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TBB_NUM_THREADS", "NUMBA_NUM_THREADS")


class Worker:
    """A process that holds a case's data and one contender's estimator."""

    def __init__(self, who: str, case: str, seed: int, threads: int) -> None:
        os.environ |= dict.fromkeys(THREADS, str(threads))  # before NumPy is loaded there
        context = mp.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, who, case, seed), daemon=True)
        self._process.start()
        there.close()
        self.versions: dict[str, str] = self._answer()

    def ask(self, what: str, *args: Any) -> Any:
        """Send one request and wait for its answer."""
        self._here.send((what, *args))
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._here.close()
        self._process.join(timeout=10)
        self._process.kill()

    def _answer(self) -> Any:
        value = self._here.recv()
        if isinstance(value, Exception):
            raise value
        return value


def _serve(pipe: Connection, who: str, name: str, seed: int) -> None:
    case = next(c for c in CASES if c.name == name)
    try:
        from .contenders import prepare

        job = case.job(seed)
        fit = prepare(who, case, job) if who != "machine" else None
        pipe.send(_versions(who))
        while True:
            what, *args = pipe.recv()
            pipe.send(_do(what, args, who, case, job, fit))
    except EOFError:
        return
    except Exception as error:
        pipe.send(RuntimeError(f"{who}, {name}: {error!r}"))


def _do(what: str, args: list[Any], who: str, case: Case, job: Any, fit: Any) -> Any:
    from . import machine
    from .contenders import answer, prepare

    if what == "time":  # seconds a fit, over as many fits as fill a little time; and the processor time of all
        (repeats,) = args
        used, began = time.process_time(), time.perf_counter()
        for _ in range(repeats):
            fit()
        return (time.perf_counter() - began) / repeats, time.process_time() - used
    if what == "answer":
        began = time.perf_counter()
        fitted = fit()
        seconds = time.perf_counter() - began
        return answer(case, job, fitted) | {"steps": int(getattr(fitted, "n_iter_", case.steps) or 0)}, seconds
    if what == "memory":  # the highest resident size during a fit, beyond what was there before it
        prepare(who, case, job._replace(x=job.x[:2000].copy()))()  # libraries, thread stacks and their buffers
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        fit()
        return _status("VmHWM") - before
    if what == "sgemm":
        return machine.sgemm()
    return machine.ssyrk(case.n, case.d)


def _status(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def _versions(who: str) -> dict[str, str]:
    from importlib.metadata import version

    packages = {"tacit": "tacit", "sklearn": "scikit-learn", "sklearnex": "scikit-learn-intelex", "faiss": "faiss-cpu"}
    names = [packages[who]] if who in packages else []
    if who == "tacit":
        from importlib.metadata import PackageNotFoundError

        from tacit.kernels import native

        try:
            return {"tacit": version("tacit"), "instruction set": str(native.module.isa)}
        except PackageNotFoundError:
            return {"tacit": "source tree", "instruction set": str(native.module.isa)}
    return {name: version(name) for name in [*names, "numpy", "scipy"]}
