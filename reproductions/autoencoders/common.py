"""What the scripts share: arguments, data, parts that can be taken up again, results with seed, machine and commit."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))  # for the description of the machine

from benchmarks import machine  # noqa: E402

import tacit  # noqa: E402

Array = np.ndarray


def arguments(
    doc: str | None, words: Sequence[str] | None, seeds: int = 1, precision: str = "32", **more: dict[str, Any]
) -> argparse.Namespace:
    """The arguments that every script takes, and its own."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version, on data that come with scikit-learn")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--minutes", type=float, default=None, help="stop after so long; the next run goes on")
    parser.add_argument("--validate", action="store_true", help="learn from 50,000, report on the last 10,000 of train")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "reproductions", help="checkpoints")
    parser.add_argument("--out", type=Path, default=None, help="the results as JSON")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default=precision, help="of the products in training: 32 or bf16")
    for name, options in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    found = parser.parse_args(words)
    found.began = time.monotonic()
    found.precision = "32" if found.quick else found.precision
    return found


class Unfinished(Exception):
    """The time was up; what is done lies in the checkpoint."""


class Results:
    """Values by key in one JSON file, written after each; a key that is there is not worked out again.

    Each has its seconds and commit; "made" is of the last one.
    """

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.options = options
        suffix = "-validation" if options.validate else ""
        self.path = options.out or HERE / "results" / f"{name}{suffix}.json"
        self.keep = not options.quick
        self.values: dict[str, Any] = {}
        if self.keep and self.path.exists():
            self.values = json.loads(self.path.read_text())["values"]

    def get(self, key: str, work: Callable[[], Any]) -> Any:
        """The value of ``key``: as it is there, or as ``work`` finds it."""
        if key not in self.values:
            began = time.perf_counter()
            found = work()
            seconds = round(time.perf_counter() - began, 1)
            self.values[key] = {"found": found, "seconds": seconds, "commit": machine.commit()}
            print(f"{key}: {found}", flush=True)
            self._write()
        return self.values[key]["found"]

    def summary(self, keys: Sequence[str]) -> dict[str, float]:
        """Mean and standard deviation over keys whose values are numbers."""
        values = [self.values[key]["found"] for key in keys]
        return {"mean": float(np.mean(values)), "sd": float(np.std(values)), "seeds": len(values)}

    def _write(self) -> None:
        if not self.keep:
            return
        import torch

        made = {
            "commit": machine.commit(),
            "machine": machine.describe(torch.get_num_threads()),
            "device": str(torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"),
            "precision": self.options.precision,
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
        }
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps({"made": made, "values": self.values}, indent=1) + "\n")


def training(options: argparse.Namespace, **more: Any) -> tacit.Training:
    """A ``Training`` that stops when the minutes are up, in ``options.precision``."""

    def late(report: Any) -> bool:
        return options.minutes is not None and time.monotonic() - options.began > 60 * options.minutes

    shown = not options.quick and sys.stderr.isatty()
    return tacit.Training(callbacks=(late,), progress=shown, precision=options.precision, **more)


def lecun(widths: Sequence[int], seed: int) -> dict[str, Any]:
    """``encoder`` and ``decoder`` with SiLU between dense layers, d first and the code last, W ~ N(0, 1 / fan-in).

    With torch's own start, of a third of that variance, so deep a network needs half as many epochs more.
    """
    import torch
    from torch import nn

    def layers(sizes: Sequence[int]) -> Any:
        maps = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        for one in maps:
            nn.init.normal_(one.weight, std=one.in_features**-0.5)
            nn.init.zeros_(one.bias)
        return nn.Sequential(*(part for one in maps for part in (one, nn.SiLU())))[:-1]

    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return {"encoder": layers(widths), "decoder": layers(widths[::-1])}


def fitted(model: Any, options: argparse.Namespace, name: str, *data: Any) -> Any:
    """``model.fit(*data)`` with a checkpoint under ``name``; raises ``Unfinished`` where the minutes are up."""
    folder = None if options.quick else options.work / name
    model.fit(*data, checkpoint=folder)
    if model.stopped_ == "callback":
        raise Unfinished(name)
    return model


def run(main: Callable[[Sequence[str] | None], Any]) -> None:
    """A script's main, to the end or as far as the minutes reach."""
    try:
        print(json.dumps(main(None), indent=1))
    except Unfinished as what:
        print(f"the minutes are up in {what}: run the same command again to go on")


def mnist(options: argparse.Namespace) -> tuple[Array, Array, Array, Array]:
    """X, y to learn from, X, y to report on: [n, d] in [0, 1]. ``--quick``: scikit-learn's 8 x 8 digits."""
    if options.quick:
        from sklearn.datasets import load_digits

        found = load_digits()
        x, y = (found.data / 16).astype(np.float32), found.target
        order = np.random.default_rng(0).permutation(len(x))
        x, y = x[order], y[order]
        return x[:1300], y[:1300], x[1300:], y[1300:]
    z = np.load(options.data / "mnist" / "mnist.npz")
    x = z["x_train"].reshape(-1, 784) / np.float32(255)
    if options.validate:
        return x[:50_000], z["y_train"][:50_000], x[50_000:], z["y_train"][50_000:]
    return x, z["y_train"], z["x_test"].reshape(-1, 784) / np.float32(255), z["y_test"]
