"""Nodes of BlogCatalog and Cora told by their vectors, and the memory of a graph of a million nodes.

    python -m reproductions.embedding.nodes [--only blogcatalog cora million] [--seeds 3] [--quick]

BlogCatalog as in the README of DeepWalk: 80 walks of 40 nodes, window 10, d = 128; one-against-rest logistic regression
on half of the nodes, of which as many groups are told as a node has, 10 shuffles. Cora in the split of Planetoid: 140
labels, settings and the strength of the penalty chosen on the 500 nodes for validation. ``--quick``: small graphs.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

import tacit

from .common import Array, Results, arguments, run

CORA = {"n_components": 256, "n_walks": 10, "walk_length": 40, "window": 10, "negative": 1, "exponent": 0}


def one_against_rest(x: Array, groups: Array) -> tuple[Array, Array]:
    """Weights [c, d] and intercepts [c] of logistic regressions with C = 1, all groups [n, c] in one descent."""
    d = x.shape[1]
    signs = 2.0 * groups - 1

    def loss(theta: Array) -> tuple[float, Array]:
        w, b = np.split(theta.reshape(d + 1, -1), [d])
        margin = signs * (x @ w + b)
        g = -signs * expit(-margin)
        value = np.logaddexp(0, -margin).sum() + (w**2).sum() / 2
        return value, np.vstack([x.T @ g + w, g.sum(axis=0)]).ravel()

    start = np.zeros((d + 1) * groups.shape[1])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "maxfun": 2000})
    w, b = np.split(best.x.reshape(d + 1, -1), [d])
    return w.T, b[0]


def told(x: Array, groups: Array, share: float, shuffles: int) -> dict[str, float]:
    """Micro and macro F1, in percent, of groups [n, c] told from x [n, d] on the other nodes, as DeepWalk scores."""
    micro, macro = [], []
    for shuffle in range(shuffles):
        order = np.random.default_rng(shuffle).permutation(len(x))
        train, test = np.split(order, [int(share * len(x))])
        w, b = one_against_rest(x[train].astype(float), groups[train])
        rank = (-(x[test] @ w.T + b)).argsort(axis=1).argsort(axis=1)
        chosen = rank < groups[test].sum(axis=1, keepdims=True)
        micro.append(f1_score(groups[test], chosen, average="micro"))
        macro.append(f1_score(groups[test], chosen, average="macro", zero_division=0))
    return {"micro F1": round(100 * float(np.mean(micro)), 2), "macro F1": round(100 * float(np.mean(macro)), 2)}


def blogcatalog(options: Any, seed: int) -> dict[str, Any]:
    """DeepWalk's settings."""
    m = scipy.io.loadmat(options.data / "graphs" / "blogcatalog.mat")
    a, groups = m["network"].tocsr(), m["group"].toarray().astype(int)
    walks = {"n_walks": 80, "walk_length": 40}
    if options.quick:
        busiest = np.argsort(-np.diff(a.indptr), kind="stable")[:500]
        a, groups, walks = a[busiest][:, busiest], groups[busiest, :5], {"n_walks": 2, "walk_length": 10}
    began = time.perf_counter()
    kept = None if options.quick else options.work / f"blogcatalog-{seed}"
    model = tacit.NodeEmbedding(128, window=10, random_state=seed, **walks).fit(a, checkpoint=kept)
    seconds = round(time.perf_counter() - began, 1)  # since the checkpoint, where there was one
    return told(model.vectors_, groups, 0.5, 1 if options.quick else 10) | {"seconds of fit": seconds}


def cora(options: Any, seed: int) -> dict[str, Any]:
    """The share of the 1,000 test nodes whose class is told right."""
    z = np.load(options.data / "graphs" / "cora.npz")
    u, v = z["edges"].T
    n = len(z["labels"])
    a = sp.csr_array((np.ones(2 * len(u)), (np.r_[u, v], np.r_[v, u])), shape=(n, n))
    settings = CORA | ({"n_walks": 2} if options.quick else {})
    model = tacit.NodeEmbedding(random_state=seed, **settings).fit(a)
    x, y = model.vectors_, z["labels"]
    train, valid, test = (np.asarray(z[name]) for name in ("train_idx", "val_idx", "test_idx"))
    best = max(
        (LogisticRegression(C=c, max_iter=1000).fit(x[train], y[train]) for c in (0.01, 0.1, 1, 10, 100)),
        key=lambda m: m.score(x[valid], y[valid]),
    )
    return {"test": float(best.score(x[test], y[test])), "validation": float(best.score(x[valid], y[valid]))}


def million(options: Any) -> dict[str, Any]:
    """A random graph of 1M nodes and 5M edges, d = 128, one walk of 10 from each: seconds, and memory at its most."""
    n, m = (10_000, 50_000) if options.quick else (1_000_000, 5_000_000)
    rng = np.random.default_rng(0)
    u, v = rng.integers(0, n, (2, m), dtype=np.int32)
    ones = np.ones(m, np.float32)
    a = sp.csr_array((ones, (u, v)), shape=(n, n))
    a = a + a.T
    a.data[:] = 1
    del u, v, ones
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    model = tacit.NodeEmbedding(128, n_walks=1, walk_length=10, window=5, random_state=0).fit(a)
    return {
        "seconds of fit": round(time.perf_counter() - began, 1),
        "GB at the most": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "GB before the fit": round(before, 2),
        "nodes": len(model.vectors_),
        "arcs": int(a.nnz),
    }


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """All that is asked for."""
    every = ["blogcatalog", "cora", "million"]
    options = arguments("nodes", __doc__, words, only={"nargs": "+", "default": every, "choices": every})
    results = Results("nodes", options)
    found: dict[str, Any] = {}
    with threadpool_limits(2):
        for seed in range(options.seeds):
            for name, work in (("blogcatalog", blogcatalog), ("cora", cora)):
                if name in options.only:
                    key = f"{name}, seed {seed}"
                    found[key] = results.get(key, lambda work=work, seed=seed: work(options, seed))
        if "million" in options.only:
            found["million"] = results.get("million", lambda: million(options))
    return found


if __name__ == "__main__":
    run(main)
