"""The training loop against the same steps in a bare PyTorch loop: rate and memory, at MNIST's size.

    python -m benchmarks.training [--rounds 7] [--only 0 1 2] [--rows 60000] [--quick]

Both take the same rows in the same order through the same network with fused Adam, in one process, by turns: an epoch
of the bare loop, an epoch of ``train``. ``fit`` is the whole estimator, its door and scale included, over two epochs
against two bare ones. Memory is the peak of a process of its own beyond what it held once the rows were made.
Writes ``results/training.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import machine

CASES = {  # widths, batch size
    "784-512-256-32, batches of 256": ((512, 256, 32), 256),
    "784-1000-500-250-30, batches of 128": ((1000, 500, 250, 30), 128),
    "784-128-16, batches of 64": ((128, 16), 64),
}
N, D = 60_000, 784


def rows(n: int) -> np.ndarray:
    """Random rows in [0, 1)."""
    return np.random.default_rng(0).random((n, D), dtype=np.float32)


def bare(x: Any, widths: tuple[int, ...], size: int, epochs: int, order: np.ndarray) -> None:
    """The loop that one would write by hand."""
    import torch
    from torch import nn

    def half(sizes: tuple[int, ...]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return layers[:-1]

    torch.manual_seed(0)
    network = nn.Sequential(*half((D, *widths)), *half((*widths[::-1], D)))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    for epoch in range(epochs):
        shuffled = torch.from_numpy(order[np.random.default_rng((0, epoch)).permutation(len(order))])
        for at in shuffled.split(size):
            batch = x[at]
            loss = (network(batch) - batch).square().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def ours(x: Any, widths: tuple[int, ...], size: int, epochs: int, order: np.ndarray) -> None:
    """The same through ``train``."""
    import torch

    from tacit.neural.coder import Coder, Reconstruction
    from tacit.neural.inputs import Inputs, Judge, Layout, losses
    from tacit.neural.nets import Dense
    from tacit.train import Batch, GradientStep, Tensors, Training, train

    torch.manual_seed(0)
    layout = Layout(D)
    inputs = Inputs(layout, np.zeros(D), np.ones(D))
    coder = Coder(inputs, Dense((D, *widths), "relu"), Dense((*widths[::-1], D), "relu"))
    objective = Reconstruction(coder, Judge(layout, losses("squared_error", "identity")), gaps=False)
    steps = epochs * -(-len(order) // size)
    train(
        lambda fabric: GradientStep(objective, learning_rate=1e-3, steps=steps, training=Training(), fabric=fabric),
        Tensors(Batch(x), order),
        epochs=epochs,
        batch_size=size,
        seed=0,
    )


def whole(x: Any, widths: tuple[int, ...], size: int, epochs: int, order: np.ndarray) -> None:
    """The same through ``Autoencoder.fit``."""
    from tacit import Autoencoder

    Autoencoder(widths, epochs=epochs, batch_size=size, device="cpu", random_state=0).fit(np.asarray(x))


WAYS = {"bare": bare, "loop": ours, "fit": whole}


def rates(name: str, n: int, rounds: int) -> dict[str, Any]:
    """Seconds of each way in each round, and the rate of ours as a share of the bare loop's."""
    import torch

    widths, size = CASES[name]
    x = torch.from_numpy(rows(n))
    order = np.arange(n)
    taken: dict[str, list[float]] = {"bare": [], "loop": [], "bare, 2 epochs": [], "fit, 2 epochs": []}
    for turn in range(rounds + 1):  # the first warms up
        turns = [("bare", "bare", 1), ("loop", "loop", 1), ("bare, 2 epochs", "bare", 2), ("fit, 2 epochs", "fit", 2)]
        for key, way, epochs in turns if turn % 2 else turns[::-1]:
            began = time.perf_counter()
            WAYS[way](x, widths, size, epochs, order)
            if turn:
                taken[key].append(round(time.perf_counter() - began, 4))

    def rate(a: str, b: str) -> float:
        return round(median(p / q for p, q in zip(taken[a], taken[b], strict=True)), 4)

    return {
        "case": name,
        "rows": n,
        "seconds": taken,
        "rate_of_loop": rate("bare", "loop"),
        "rate_of_fit": rate("bare, 2 epochs", "fit, 2 epochs"),
    }


def memory(name: str, way: str, n: int) -> int:
    """Peak bytes beyond the imports, rows included, in a process of its own."""
    code = f"from benchmarks.training import peak; print(peak({name!r}, {way!r}, {n}))"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def peak(name: str, way: str, n: int) -> int:
    """In the process that ``memory`` starts."""
    import torch

    import tacit

    tacit.Autoencoder((2,), epochs=1).fit(np.ones((4, 2)))  # what is imported and kept for any fit
    before = highest()
    widths, size = CASES[name]
    WAYS[way](torch.from_numpy(rows(n)), widths, size, 1, np.arange(n))
    return highest() - before


def highest() -> int:
    """The most memory that this process has held, in bytes."""
    line = next(v for v in Path("/proc/self/status").read_text().splitlines() if v.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=N, help="in an epoch whose time is taken; memory is of 60,000")
    parser.add_argument("--only", type=int, nargs="*", default=range(len(CASES)), help="numbers of cases; others stay")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="6,000 rows, one case, 2 rounds")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "training.json")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    n, rounds = (6_000, 2) if options.quick else (options.rows, options.rounds)
    kept = json.loads(options.out.read_text())["cases"] if options.out.exists() else []
    found = {case["case"]: case for case in kept}
    for name in [list(CASES)[i] for i in ([0] if options.quick else options.only)]:
        case = rates(name, n, rounds)
        taken = {way: memory(name, way, n if options.quick else N) for way in ("bare", "fit")}
        print(name, case["rate_of_loop"], case["rate_of_fit"], flush=True)
        case |= {"memory_bytes": taken, "memory_ratio": round(taken["fit"] / taken["bare"], 3)}
        found[name] = case
        print(
            f"{name}: rate of the loop {case['rate_of_loop']:.3f}, of fit {case['rate_of_fit']:.3f}, "
            f"memory {case['memory_ratio']:.3f}",
            flush=True,
        )
    result = {
        "cases": [found[name] for name in CASES if name in found],
        "commit": machine.commit(),
        "seed": 0,
        "date": date.today().isoformat(),
        "machine": machine.describe(options.threads),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }
    if not options.quick:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
