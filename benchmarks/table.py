"""The table of the committed results: the only source of the numbers in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .cases import CASES

RESULTS = Path(__file__).parent / "results"
PEERS = ("sklearn", "sklearnex", "faiss")


def load(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """The results there, in the order of the cases."""
    paths = (folder / f"{case.name}.json" for case in CASES)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def markdown(folder: Path = RESULTS) -> str:
    """One line a case: our time, each peer's as a multiple of it, the share of the machine's own product, memory."""
    head = "| case | tacit | scikit-learn | sklearnex | faiss | of the machine's product | memory beyond X |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for r in load(folder):
        ratios = (f"{r['ratios'][who]:.3g}x" if who in r["ratios"] else "-" for who in PEERS)
        memory = r["memory_bytes"].get("tacit")
        beyond = "-" if memory is None else f"{memory / 2**20:.0f} MB"
        lines.append(
            f"| {label(r)} | {duration(r['seconds']['tacit'])} | {' | '.join(ratios)} | {share(r)} | {beyond} |"
        )
    return "\n".join(lines)


def label(r: dict[str, Any]) -> str:
    """``k-means 200k x 64, k = 256``, and what sets the case apart."""
    rest = r["case"].split("-")
    n = f"{r['n'] // 1000}k" if r["n"] >= 1000 else str(r["n"])
    model = {"kmeans": "k-means", "pca": "PCA", "gmm": f"GMM {'diag' if 'diag' in rest else 'full'}"}[r["model"]]
    size = f"to {r['k']}" if r["model"] == "pca" else f"k = {r['k']}"
    extra = next((f", {w}" for w in rest if w in ("separated", "overlapping", "defaults", "converged")), "")
    return f"{model} {n} x {r['d']}, {size}{extra}"


def duration(seconds: float) -> str:
    """Three figures, in s or ms."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def share(r: dict[str, Any]) -> str:
    """The rate of the fit's products over the machine's own: sgemm, and ssyrk for PCA."""
    if "gflops" not in r:
        return "-"
    name = "ssyrk" if "ssyrk_gflops" in r else "sgemm"
    return f"{r['gflops']['tacit'] / r[f'{name}_gflops']:.0%} of {name}"
