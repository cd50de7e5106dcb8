"""What a picture costs: quality against bits per pixel for a codebook of patches (k-means) and for PCA.

python examples/compression.py ../shared/data/mnist/mnist.npz ../shared/data/olivetti/olivetti.npz

The models learn from some pictures and code others. A codebook replaces each patch of 4 x 4 pixels by the nearest of K
centres; the bits are the entropy of the centres' numbers. PCA keeps the coordinates of whole pictures, rounded to a
step; the bits are the sum of the entropies of the rounded coordinates, and one step for all is the best choice where it
is fine (reverse water-filling; Cover and Thomas 2006, section 10.3.3). Entropies are those of the pictures that are
coded; neither the centres nor the components are counted. Quality is PSNR = 10 log10(255² / mean squared error).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tacit import PCA, KMeans

Pictures = np.ndarray[Any, Any]  # [n, side, side], 0 to 255
SIDE = 4
SIZES = (4, 16, 64, 256)
STEPS = (1600.0, 800.0, 400.0, 200.0, 100.0)


def entropy(codes: np.ndarray[Any, Any]) -> float:
    """Bits of a symbol."""
    p = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(-(p * np.log2(p)).sum())


def psnr(x: Pictures, y: Pictures) -> float:
    """In decibels."""
    return float(10 * np.log10(255**2 / np.mean((x - np.clip(y, 0, 255)) ** 2)))


def patches(x: Pictures) -> np.ndarray[Any, Any]:
    """[n · patches, 16]."""
    n, side, _ = x.shape
    cut = x.reshape(n, side // SIDE, SIDE, side // SIDE, SIDE).swapaxes(2, 3)
    return np.ascontiguousarray(cut.reshape(-1, SIDE * SIDE))


def together(rows: np.ndarray[Any, Any], like: Pictures) -> Pictures:
    """Patches as pictures again."""
    n, side, _ = like.shape
    return rows.reshape(n, side // SIDE, side // SIDE, SIDE, SIDE).swapaxes(2, 3).reshape(n, side, side)


def codebook(learn: Pictures, test: Pictures, K: int) -> tuple[float, float]:
    """Bits per pixel and PSNR of K centres."""
    model = KMeans(K, random_state=0, max_iter=50).fit(patches(learn))
    codes = model.predict(patches(test))
    return entropy(codes) / SIDE**2, psnr(test, together(model.cluster_centers_[codes], test))


def coordinates(learn: Pictures, test: Pictures, step: float) -> tuple[float, float]:
    """Bits per pixel and PSNR of PCA with coordinates rounded to a step."""
    flat = learn.reshape(len(learn), -1)
    model = PCA().fit(flat)
    codes = np.rint(model.transform(test.reshape(len(test), -1)) / step)
    bits = sum(entropy(column) for column in codes.T) / test[0].size
    return bits, psnr(test, model.inverse_transform(codes * step).reshape(test.shape))


def curves(learn: Pictures, test: Pictures) -> dict[str, list[tuple[float, float]]]:
    """Both, at several rates."""
    learn, test = learn.astype(np.float32), test.astype(np.float32)
    return {
        "codebook": [codebook(learn, test, K) for K in SIZES],
        "PCA": [coordinates(learn, test, step) for step in STEPS],
    }


def main(*paths: str) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Print a table for each file; half as many digits, and the faces of persons who were not learned from."""
    found = {}
    for path in paths:
        with np.load(path) as file:
            if "x_train" in file:
                learn, test = file["x_train"][:10_000], file["x_test"][:2000]
            else:
                learn, test = file["images"][:300], file["images"][300:]
        found[path] = curves(learn, test)
        print(f"{path}: {len(learn)} pictures learned from, {len(test)} coded")
        for name, curve in found[path].items():
            print(f"  {name:9s}" + "  ".join(f"{bits:.3f} bits/pixel {db:.1f} dB" for bits, db in curve))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
