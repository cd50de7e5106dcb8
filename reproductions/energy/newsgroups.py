"""Codes of 20 newsgroups from a stack of machines, 2000-500-250-125-2 and -10, against latent semantic analysis.

    python -m reproductions.energy.newsgroups [--minutes 20] [--picture codes.html] [--quick]

Words and their weights are those of ``reproductions.autoencoders.newsgroups``, without a length of 10. A stack of
machines, the codes linear, is unrolled and fine-tuned by the cross-entropy under a softmax over words (Hinton and
Salakhutdinov 2006). Each test post asks the training posts, nearest by angle (by distance in two dimensions) first:
precision is the share of its own group among the first that reach a recall, the mean over posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

import tacit

from ..autoencoders.newsgroups import posts, words_loss
from .common import Array, Results, arguments, fitted, run, training

RECALLS = (0.002, 0.01, 0.05, 0.2, 0.5, 1.0)


def precision(codes: Array, y: Array, there: Array, y_there: Array) -> list[float]:
    """Precision at each of ``RECALLS``, averaged over the posts that ask."""
    flat = codes.shape[1] == 2
    a, b = (codes, there) if flat else (normalize(codes), normalize(there))
    total = np.zeros(len(RECALLS))
    for lo in range(0, len(b), 500):
        part = b[lo : lo + 500]
        near = part @ a.T - (0.5 * (a**2).sum(1) if flat else 0)
        order = np.argsort(-near, axis=1, kind="stable")
        right = y[order] == y_there[lo : lo + 500, None]
        hits = right.cumsum(axis=1)
        for i, recall in enumerate(RECALLS):
            want = np.maximum(1, np.ceil(recall * hits[:, -1]))
            at = (hits >= want[:, None]).argmax(axis=1)
            total[i] += (want / (at + 1)).sum()
    return [round(float(t / len(b)), 4) for t in total]


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """LSA to 2 and 50, then networks to 2 and 10."""
    more = {"picture": {"default": None, "help": "the codes of the test posts, by network and by LSA, as .html"}}
    options = arguments("newsgroups", __doc__, words, precision="bf16", **more)
    quick = options.quick
    X, y, test, y_test = posts(options)
    results = Results("newsgroups", options)
    codes: dict[str, tuple[Array, Array]] = {}

    def judged(name: str, pair: tuple[Array, Array]) -> dict[str, Any]:
        codes[name] = pair
        vote = KNeighborsClassifier(15, metric="euclidean" if pair[0].shape[1] == 2 else "cosine").fit(pair[0], y)
        return {
            "15 neighbours": round(float(vote.score(pair[1], y_test)), 4),
            "precision": dict(zip(map(str, RECALLS), precision(pair[0], y, pair[1], y_test))),
        }

    def lsa(k: int) -> tuple[Array, Array]:
        svd = TruncatedSVD(k, random_state=0).fit(X)
        return svd.transform(X), svd.transform(test)

    def network(k: int, seed: int) -> tuple[Array, Array]:
        widths = (64, 16, k) if quick else (500, 250, 125, k)
        stack = tacit.DBN(
            widths,
            last="gaussian",
            visible="binary",
            method="cd",
            learning_rate=(*[0.1] * (len(widths) - 1), 0.005),
            momentum=0.5,
            n_iter=20 if quick else 30,
            batch_size=50 if quick else 100,
            training=training(options),
            device=options.device,
            random_state=seed,
        )
        fitted(stack, options, f"newsgroups-stack-{k}/{seed}", np.minimum(X / 4, 1))
        model = stack.unroll(
            loss=words_loss,
            epochs=40 if quick else 150,
            batch_size=50 if quick else 128,
            learning_rate=1e-3 if quick else 3e-3,
            training=training(options, clip=10.0),
            random_state=seed,
        )
        fitted(model, options, f"newsgroups-{k}/{seed}", X)
        return model.transform(X), model.transform(test)

    found: dict[str, Any] = {}
    for k in (2, 4) if quick else (2, 50):
        name = f"LSA, {k}"
        found[name] = results.get(name, lambda name=name, k=k: judged(name, lsa(k)))
    for k in (2, 4) if quick else (2, 10):
        for seed in range(options.seeds):
            name = f"network, {k}, seed {seed}"
            found[name] = results.get(name, lambda name=name, k=k, s=seed: judged(name, network(k, s)))
    if options.picture:
        draw(options, codes.get("network, 2, seed 0") or network(2, 0), lsa(2), y_test)
    return found


def draw(options: Any, ours: tuple[Array, Array], theirs: tuple[Array, Array], y: Array) -> None:
    """Test posts by the two numbers of each, coloured by their group."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(1, 2, subplot_titles=("autoencoder from a stack of machines", "latent semantic analysis"))
    for column, (_, code) in enumerate((ours, theirs), 1):
        marks = {"size": 3, "color": y, "colorscale": "Turbo"}
        dots = go.Scattergl(x=code[:, 0], y=code[:, 1], mode="markers", marker=marks, showlegend=False)
        figure.add_trace(dots, 1, column)
    figure.write_html(options.picture, include_plotlyjs="cdn")


if __name__ == "__main__":
    run(main)
