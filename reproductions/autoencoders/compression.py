"""MNIST in few bits: PSNR of quantised codes, beside quantised PCA and a k-means codebook, at equal bits a picture.

    python -m reproductions.autoencoders.compression [--minutes 30] [--quick]

A code of k numbers takes b bits each, for the intervals of equal width between the 0.5 and 99.5 percentiles of
training codes, whose middles stand for them; k and b are chosen for each rate on train[50000:]. Up to 12 bits all words
can be listed: they are the centres of 2^12 groups of codes, and a picture gets the word whose picture is nearest. PCA
gets its bits one by one, each to the component where it lowers the error on those rows most. The codebook has 2^12
pictures. Trained with bf16 products; about 3 seconds an epoch on two cores that have bf16, 20 epochs for each of four
networks: 5 minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

import tacit

from .common import Array, Results, arguments, fitted, lecun, mnist, run, training
from .denoising import psnr

LISTED = 12  # bits, up to which all words are


def quantised(z: Array, like: Array, bits: Array) -> Array:
    """z [n, k] at the middles of 2^bits_j intervals between percentiles of ``like``; without bits, the mean."""
    low, high = np.percentile(like, [0.5, 99.5], axis=0)
    levels = 2.0**bits
    cell = np.clip(np.floor((z - low) / np.maximum(high - low, 1e-12) * levels), 0, levels - 1)
    return np.where(bits > 0, low + (cell + 0.5) / levels * (high - low), like.mean(axis=0))


def greedy(z: Array, like: Array, total: int) -> Array:
    """Bits for each column of z, one at a time to where the squared error falls most; columns are orthogonal."""
    bits = np.zeros(z.shape[1], dtype=int)

    def errors(b: Array) -> Array:
        return ((quantised(z, like, b) - z) ** 2).sum(axis=0)

    now, then = errors(bits), errors(bits + 1)
    for _ in range(total):
        j = int(np.argmax(now - then))
        bits[j] += 1
        now[j] = then[j]
        then[j] = errors(bits + 1)[j]
    return bits


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Each rate, each way."""
    options = arguments(__doc__, words, precision="bf16")
    X, _, test, _ = mnist(options)
    quick = options.quick
    held = len(X) * 5 // 6
    valid, d = X[held:], X.shape[1]
    rates = (4, 12, 24) if quick else (12, 39, 78, 157, 235, 392)  # bits a picture; 392 are 0.5 a pixel
    sizes = (4, 8) if quick else (4, 16, 32, 64)
    results = Results("compression", options)
    fits: dict[int, Any] = {}

    def coder(k: int) -> Any:
        if k not in fits:
            model = tacit.Autoencoder(
                loss="cross_entropy",
                scale=None,
                epochs=30 if quick else 20,
                batch_size=64 if quick else 250,
                learning_rate=2e-3,
                training=training(options, clip=10.0),
                device=options.device,
                random_state=0,
                **lecun((d, 64, 32, k) if quick else (d, 1000, 500, 250, k), seed=0),
            )
            fits[k] = fitted(model, options, f"compression/{k}", X[:held])
        return fits[k]

    @cache
    def pictures(k: int, total: int) -> Array:
        book = tacit.KMeans(codewords(total), n_init=1, max_iter=30, random_state=0).fit(coder(k).transform(X[:held]))
        return np.asarray(coder(k).inverse_transform(book.cluster_centers_))

    def nearest(k: int, total: int, rows: Array) -> Array:
        return pictures(k, total)[pairwise_distances_argmin(rows, pictures(k, total))]

    def network(total: int) -> float:
        if total <= LISTED:
            best = max(sizes, key=lambda k: psnr(nearest(k, total, valid), valid))
            return psnr(nearest(best, total, test), test)

        def back(k: int, rows: Array) -> Array:
            b, extra = divmod(total, k)
            bits = np.full(k, b) + (np.arange(k) < extra)
            model = coder(k)
            like = np.asarray(model.transform(X[:held]), dtype=float)
            return model.inverse_transform(quantised(np.asarray(model.transform(rows), dtype=float), like, bits))

        best = max((k for k in sizes if total >= 2 * k), key=lambda k: psnr(back(k, valid), valid))
        return psnr(back(best, test), test)

    pca = tacit.PCA(min(d, 100)).fit(X[:held])
    like = np.asarray(pca.transform(X[:held]), dtype=float)

    def linear(total: int) -> float:
        bits = greedy(np.asarray(pca.transform(valid), dtype=float), like, total)
        return psnr(pca.inverse_transform(quantised(np.asarray(pca.transform(test), dtype=float), like, bits)), test)

    def codewords(total: int) -> int:
        return min(2**total, held // 4)

    def codebook(total: int) -> float:
        book = tacit.KMeans(codewords(total), n_init=1, max_iter=30, random_state=0).fit(X[:held])
        return psnr(book.cluster_centers_[book.predict(test)], test)

    found: dict[str, Any] = {}
    for total in rates:
        ways = {"autoencoder": network, "PCA": linear} | ({"codebook": codebook} if total <= LISTED else {})
        for way, work in ways.items():
            key = f"{total} bits ({total / d:.3f} a pixel), {way}"
            found[key] = results.get(key, lambda total=total, work=work: work(total))
    return found


if __name__ == "__main__":
    run(main)
