"""How each contender does a case: a function that fits, and its answer in a form that can be compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .cases import Case, Job, Rows

Fit = Callable[[], Any]


def prepare(who: str, case: Case, job: Job) -> Fit:
    """Everything but the fit: imports and the estimator's construction are not timed, the whole of ``fit`` is."""
    warnings.filterwarnings("ignore")  # "did not converge": the number of steps is the case's
    if who == "faiss":
        return _faiss(case, job)
    module = {"tacit": "tacit", "sklearn": "sklearn", "sklearnex": "sklearnex"}[who]
    make = _estimator(module, case, job.start)
    return lambda: make().fit(job.x)


def _estimator(module: str, case: Case, start: Any) -> Callable[[], Any]:
    import importlib

    def find(part: str, name: str) -> Any:
        return getattr(importlib.import_module("tacit" if module == "tacit" else f"{module}.{part}"), name)

    limits: dict[str, Any] = {"max_iter": case.steps, "tol": 0.0} if case.steps else {}
    if case.model == "kmeans":
        if start is not None:
            limits |= {"init": start, "n_init": 1}
        kmeans = find("cluster", "KMeans")
        return lambda: kmeans(n_clusters=case.k, random_state=0, **limits)
    if case.model == "gmm":
        if start is not None:
            limits |= dict(zip(("weights_init", "means_init", "precisions_init"), start, strict=True))
        gmm = find("mixture", "GaussianMixture")
        return lambda: gmm(n_components=case.k, covariance_type=case.covariance, random_state=0, **limits)
    pca = find("decomposition", "PCA")
    return lambda: pca(n_components=case.k, random_state=0)


def _faiss(case: Case, job: Job) -> Fit:
    import faiss

    def fit() -> Any:
        found = faiss.Kmeans(
            case.d, case.k, niter=case.steps, min_points_per_centroid=1, max_points_per_centroid=case.n
        )
        found.train(job.x, init_centroids=job.start)
        found.index.reset()
        found.index.add(found.centroids)
        found.index.search(job.x, 1)  # the labels, which the others' fit gives too
        return found

    return fit


def answer(case: Case, job: Job, fitted: Any) -> dict[str, float]:
    """What the contenders must agree on, computed by the same code in float64 from what each of them learned."""
    if case.model == "kmeans":
        centres = getattr(fitted, "cluster_centers_", getattr(fitted, "centroids", None))
        return {"inertia": _inertia(job.x, np.asarray(centres, dtype=np.float64))}
    if case.model == "gmm":
        log_prob, largest = _mixture(job.x[:20_000], fitted, case.covariance)
        return {"log_likelihood": log_prob, "largest_responsibility": largest}
    variances = np.asarray(fitted.explained_variance_, dtype=np.float64)
    return {"variance": float(variances.sum()), "last_variance": float(variances[-1])}


def _inertia(x: Rows, centres: Rows) -> float:
    total = 0.0
    for lo in range(0, len(x), 4096):
        rows = x[lo : lo + 4096].astype(np.float64)
        squared = (rows**2).sum(1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(1)
        total += float(squared.min(axis=1).sum())
    return total


def _mixture(x: Rows, fitted: Any, covariance: str) -> tuple[float, float]:
    """Mean log p(x) and mean max_k r_k."""
    from scipy.linalg import solve_triangular
    from scipy.special import logsumexp

    rows, d = x.astype(np.float64), x.shape[1]
    joint = []
    for weight, mean, sigma in zip(fitted.weights_, fitted.means_, fitted.covariances_, strict=True):
        full = np.diag(sigma) if covariance == "diag" else np.asarray(sigma, dtype=np.float64)
        root = np.linalg.cholesky(full)
        z = solve_triangular(root, (rows - mean).T, lower=True)
        joint.append(np.log(weight) - 0.5 * (d * np.log(2 * np.pi) + (z**2).sum(0)) - np.log(np.diag(root)).sum())
    log_prob = logsumexp(joint, axis=0)
    return float(log_prob.mean()), float(np.exp(np.max(joint, axis=0) - log_prob).mean())
