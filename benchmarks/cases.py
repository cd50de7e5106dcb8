"""What is timed: the data, the start and the number of steps of every case, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

Rows = np.ndarray[Any, Any]


class Job(NamedTuple):
    """Rows, and the start that every contender gets; None where each starts in its own way."""

    x: Rows  # [n, d]
    start: Any = None


@dataclass(frozen=True)
class Case:
    """One row of the table: a model, its data, and the ratios to scikit-learn's time that it must reach."""

    name: str
    model: str  # kmeans, gmm or pca
    n: int
    d: int
    k: int  # clusters, components, or coordinates kept
    make: Callable[[Case, np.random.Generator], Job]
    steps: int = 0  # 0: until it converges by itself
    covariance: str = "full"
    overlap: str = ""  # separated or overlapping, where it matters
    dtype: str = "float32"
    peers: tuple[str, ...] = ("sklearn",)
    must: float = 1.0
    aim: float = 2.0
    share: float | None = None  # of the rate of sgemm that must be reached
    pairs: int = 5
    options: dict[str, Any] = field(default_factory=dict)

    def job(self, seed: int) -> Job:
        """The same rows and start for every contender."""
        return self.make(self, np.random.default_rng(seed))

    @property
    def flops(self) -> float | None:
        """Multiplications and additions of the products that cannot be avoided, of a whole fit."""
        if self.model == "kmeans" and self.steps:
            return 2.0 * self.n * self.d * self.k * (self.steps + 1)  # the last pass labels
        if self.model == "pca":
            return 1.0 * self.n * self.d**2  # half of XᵀX
        return None

    @property
    def memory(self) -> float | None:
        """Bytes beyond X that a fit may take."""
        if self.n < 10_000:
            return None
        if self.model == "kmeans":
            return 24.0 * self.n + 32 * 2**20
        return 64.0 * 2**20 + (3 * self.d**2 * np.dtype(self.dtype).itemsize if self.model == "pca" else 0)


def blobs(case: Case, rng: np.random.Generator, spread: float) -> tuple[Rows, Rows]:
    """Rows around k centres that lie ``spread`` apart per column, and the centres; the noise has unit variance."""
    centres = rng.normal(0, spread, (case.k, case.d))
    x = rng.standard_normal((case.n, case.d), dtype=np.float32)
    x += centres[rng.integers(case.k, size=case.n)].astype(np.float32)
    return x.astype(case.dtype, copy=False), centres


def kmeans_job(case: Case, rng: np.random.Generator) -> Job:
    """Groups that overlap, so that 20 steps from random rows are far from converged."""
    x, _ = blobs(case, rng, 2.0 / np.sqrt(case.d))
    return Job(x, x[rng.choice(case.n, case.k, replace=False)])


def converging_job(case: Case, rng: np.random.Generator) -> Job:
    """Groups that touch, so that the last rows settle late."""
    x, _ = blobs(case, rng, 2.0)
    return Job(x, x[rng.choice(case.n, case.k, replace=False)])


def mnist_job(case: Case, rng: np.random.Generator) -> Job:
    """The 70,000 handwritten digits, from ../shared/data beside the clone."""
    from pathlib import Path

    digits = np.load(Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist" / "mnist.npz")
    x = np.concatenate([digits["x_train"], digits["x_test"]]).reshape(-1, 784).astype(np.float32) / np.float32(255)
    return Job(x, x[rng.choice(len(x), case.k, replace=False)])


def gmm_job(case: Case, rng: np.random.Generator) -> Job:
    """Groups far apart, or so near that the largest responsibility of a row is below 0.6 in the mean."""
    spread = (8.0 if case.overlap == "separated" else 2.0) / np.sqrt(case.d)
    x, centres = blobs(case, rng, spread)
    means = centres + rng.normal(0, 0.1 * spread, centres.shape)
    shape = (case.k, case.d) if case.covariance == "diag" else (case.k, case.d, case.d)
    precisions = np.ones(shape) if case.covariance == "diag" else np.broadcast_to(np.eye(case.d), shape).copy()
    start = (np.full(case.k, 1 / case.k), means, precisions)
    return Job(x, tuple(a.astype(case.dtype) for a in start))


def pca_job(case: Case, rng: np.random.Generator) -> Job:
    """Variances that fall off as 1/j, rotated, with an offset; as images have."""
    scale = 1 / np.sqrt(1 + np.arange(case.d, dtype=np.float32))
    rotation = np.linalg.qr(rng.standard_normal((case.d, case.d)))[0].astype(np.float32)
    x = rng.standard_normal((case.n, case.d), dtype=np.float32) * scale @ rotation
    x += rng.random(case.d, dtype=np.float32)
    return Job(x.astype(case.dtype, copy=False))


def iris_job(case: Case, rng: np.random.Generator) -> Job:
    """The 150 flowers, and three of them to start from."""
    from sklearn.datasets import load_iris

    x = load_iris().data.astype(case.dtype)
    return Job(x, _small_start(case, x, rng))


def small_job(case: Case, rng: np.random.Generator) -> Job:
    """Groups that touch."""
    x, _ = blobs(case, rng, spread=1.0)
    return Job(x, _small_start(case, x, rng))


def _small_start(case: Case, x: Rows, rng: np.random.Generator) -> Any:
    if case.options.get("own_start") or case.model == "pca":
        return None
    centres = x[rng.choice(len(x), case.k, replace=False)]
    if case.model == "kmeans":
        return centres
    precision = np.diag(1 / x.var(axis=0))
    precisions = np.broadcast_to(precision, (case.k, *precision.shape)).copy()
    start = (
        np.full(case.k, 1 / case.k),
        centres,
        precisions if case.covariance == "full" else 1 / x.var(axis=0) + 0 * centres,
    )
    return tuple(a.astype(case.dtype) for a in start)


ALL = ("sklearn", "sklearnex", "faiss")


def _small(model: str, covariance: str = "full") -> list[Case]:
    """Ten steps from a given start, and the whole fit as everybody calls it: with defaults, to convergence."""
    kind = f"gmm-{covariance}" if model == "gmm" else model
    found = []
    for place, make, n, d, dtype in (("iris", iris_job, 150, 4, "float64"), ("2k", small_job, 2000, 10, "float32")):
        k = 2 if model == "pca" else 3 if place == "iris" else 8
        same = Case(f"small-{kind}-{place}", model, n, d, k, make, 10, covariance, dtype=dtype, pairs=9)
        defaults = {"name": f"small-{kind}-{place}-defaults", "steps": 0, "options": {"own_start": True}}
        found += [replace(same, steps=0)] if model == "pca" else [same, replace(same, **defaults)]
    return found


CASES = [
    Case("kmeans-200k-64", "kmeans", 200_000, 64, 256, kmeans_job, 20, peers=ALL, must=2.7, aim=2.95, share=0.88),
    Case("kmeans-200k-8", "kmeans", 200_000, 8, 64, kmeans_job, 20, peers=ALL, must=3.8, aim=4.8),
    Case("kmeans-70k-784", "kmeans", 70_000, 784, 100, kmeans_job, 20, peers=ALL, must=1.6, aim=1.6, share=0.80),
    Case("kmeans-70k-784-converged", "kmeans", 70_000, 784, 100, mnist_job, must=2, aim=5, pairs=3),
    Case("kmeans-1000k-4-converged", "kmeans", 1_000_000, 4, 200, converging_job, must=5, aim=15, pairs=1),
    Case("gmm-full-100k-32-separated", "gmm", 100_000, 32, 32, gmm_job, 10, overlap="separated", must=40, aim=60),
    Case("gmm-full-100k-32-overlapping", "gmm", 100_000, 32, 32, gmm_job, 10, overlap="overlapping", must=25, aim=40),
    Case("gmm-full-200k-8-separated", "gmm", 200_000, 8, 16, gmm_job, 10, overlap="separated", must=12, aim=22),
    Case("gmm-full-200k-8-overlapping", "gmm", 200_000, 8, 16, gmm_job, 10, overlap="overlapping", must=8, aim=15),
    Case("gmm-diag-100k-32", "gmm", 100_000, 32, 32, gmm_job, 10, "diag", overlap="overlapping", must=12, aim=22),
    Case("pca-70k-784", "pca", 70_000, 784, 50, pca_job, peers=("sklearn", "sklearnex"), must=1.1, aim=1.25),
    *_small("kmeans"),
    *_small("gmm"),
    *_small("gmm", "diag"),
    *_small("pca"),
]
