"""Two-number codes of 20 newsgroups, 2000-500-250-125-2: the 15 nearest neighbours' label, beside 2-d LSA.

    python -m reproductions.autoencoders.newsgroups [--minutes 30] [--quick]

The 2,000 most frequent words of the training posts (headers stripped), their shares in a post; the loss is the
cross-entropy of the shares under a softmax over words, as in Hinton and Salakhutdinov 2006. Codes of training posts
vote on test posts. LSA: 0.16 measured. About 3 seconds an epoch on two cores, 150 epochs: 8 minutes a seed.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.neighbors import KNeighborsClassifier

import tacit

from .common import Array, Results, arguments, fitted, run, training


def words_loss(output: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """-Σ_j x_j log softmax(output)_j, x the shares of words, times 100 so that the rate suits it."""
    return -100 * (x * torch.log_softmax(output, dim=1)).sum(1)


def posts(options: Any) -> tuple[Array, Array, Array, Array]:
    """Shares of words, and labels, of training and test posts."""
    if options.quick:  # five topics over 60 words
        rng = np.random.default_rng(0)
        topics = rng.dirichlet(np.full(60, 0.2), 5)
        y = rng.integers(0, 5, 900)
        counts = np.stack([rng.multinomial(80, 0.6 * topics[t] + 0.4 / 60) for t in y])
        x = (counts / 80).astype(np.float32)
        return x[:600], y[:600], x[600:], y[600:]
    with lzma.open(options.data / "newsgroups20" / "20news-bydate.jsonl.xz", "rt", encoding="utf-8") as file:
        docs = [json.loads(line) for line in file]
    text = [d["text"].split("\n\n", 1)[-1] for d in docs]
    train = np.array([d["split"] == "train" for d in docs])
    y = np.unique([d["label"] for d in docs], return_inverse=True)[1]
    counter = CountVectorizer(max_features=2000, stop_words="english", token_pattern=r"[a-z]{3,}")
    counter.fit([t for t, some in zip(text, train, strict=True) if some])
    counts = counter.transform(text).toarray().astype(np.float32)
    counts = np.log1p(counts)
    x = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return x[train], y[train], x[~train], y[~train]


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """LSA, then the network from each seed."""
    options = arguments(__doc__, words, precision="bf16")
    quick = options.quick
    X, y, test, y_test = posts(options)
    results = Results("newsgroups", options)

    def votes(codes: Array, there: Array) -> float:
        return round(float(KNeighborsClassifier(15).fit(codes, y).score(there, y_test)), 4)

    def lsa() -> float:
        svd = TruncatedSVD(2, random_state=0).fit(X)
        return votes(svd.transform(X), svd.transform(test))

    def network(seed: int) -> float:
        model = tacit.Autoencoder(
            (64, 16, 2) if quick else (500, 250, 125, 2),
            loss=words_loss,
            scale="range",
            epochs=60 if quick else 150,
            batch_size=50 if quick else 128,
            learning_rate=3e-3 if quick else 1e-3,
            training=training(options, clip=10.0),
            device=options.device,
            random_state=seed,
        )
        fitted(model, options, f"newsgroups/{seed}", X)
        return votes(model.transform(X), model.transform(test))

    found = {"LSA": results.get("LSA", lsa)}
    keys = [f"codes, seed {s}" for s in range(options.seeds)]
    for seed, key in enumerate(keys):
        results.get(key, lambda seed=seed: network(seed))
    return found | {"codes": results.summary(keys)}


if __name__ == "__main__":
    run(main)
