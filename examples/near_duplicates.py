"""Pictures that are nearly the same: planted copies among 400 faces, found by PCA and a second look.

python examples/near_duplicates.py ../shared/data/olivetti/olivetti.npz

Some faces get a copy that was made lighter or darker, noisy, shifted by a pixel, grey in a corner, or coded coarsely.
Every person has ten pictures, so that faces which merely look alike are many. The first coordinates of PCA, of pictures
brought to mean 0 and length 1, tell noise, light and coarse coding at once: there a copy is far nearer than neighbours
are. They also say which few pictures could be copies that were shifted or covered in part; those are compared pixel by
pixel, at the shift and in the light that make them most alike, and the median of what is left does not see a corner.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from tacit import PCA

COPIES, COORDINATES, CANDIDATES = 80, 60, 8
NEAR = 0.6  # a copy, as a share of the usual distance to the nearest neighbour
SAME = 4.5  # grey levels: half of the pixels differ by less
Pictures = np.ndarray[Any, Any]  # [n, 64, 64], 0 to 255


def changed(picture: Pictures, how: int, rng: np.random.Generator) -> Pictures:
    """A copy as people make them."""
    x = picture.astype(float)
    if how == 0:
        x = 1.15 * x + 12
    elif how == 1:
        x = x + rng.normal(0, 8, x.shape)
    elif how == 2:
        x = np.roll(x, rng.choice([-1, 1]), axis=rng.integers(2))
    elif how == 3:
        x[:12, :12] = 128
    else:
        x = np.round(x / 32) * 32
    return np.clip(x, 0, 255).astype(np.uint8)


def planted(pictures: Pictures, rng: np.random.Generator) -> tuple[Pictures, set[tuple[int, int]]]:
    """The pictures and some copies behind them, and which pairs those make."""
    of = rng.choice(len(pictures), min(COPIES, len(pictures) // 5), replace=False)
    copies = np.stack([changed(pictures[i], how % 5, rng) for how, i in enumerate(of)])
    return np.concatenate([pictures, copies]), {(int(i), len(pictures) + j) for j, i in enumerate(of)}


def apart(a: Pictures, b: Pictures) -> float:
    """The median difference of two pictures in grey levels, at the best shift by up to a pixel, for the best light."""
    x = b[1:-1:2, 1:-1:2].ravel()
    shifts = [a[i : i + 62 : 2, j : j + 62 : 2].ravel() for i in range(3) for j in range(3)]
    y = np.stack(shifts)  # [9, pixels]
    x, y = x - np.median(x), y - np.median(y, axis=1, keepdims=True)
    gain = np.median(np.abs(y), axis=1, keepdims=True) / max(float(np.median(np.abs(x))), 1.0)
    return float(np.median(np.abs(y - gain * x), axis=1).min())


def duplicates(pictures: Pictures) -> set[tuple[int, int]]:
    """Pairs of pictures that are nearly the same."""
    x = pictures.reshape(len(pictures), -1).astype(np.float32)
    x = x - x.mean(axis=1, keepdims=True)
    z = PCA(COORDINATES).fit_transform(x / np.linalg.norm(x, axis=1, keepdims=True))
    distance, near = NearestNeighbors(n_neighbors=CANDIDATES + 1).fit(z).kneighbors(z)  # the first is itself
    reach, grey = NEAR * np.median(distance[:, 1]), pictures.astype(np.float32)
    found = set()
    for i, j in {(min(i, j), max(i, j)) for i, row in enumerate(near[:, 1:].tolist()) for j in row}:
        if np.linalg.norm(z[i] - z[j]) < reach or apart(grey[i], grey[j]) < SAME:
            found.add((i, j))
    return found


def main(path: str, persons: int = 40) -> dict[str, float]:
    """Print how many of the planted pairs were found, and what else was."""
    with np.load(path) as file:
        faces = file["images"][: 10 * persons]
    pictures, true = planted(faces, np.random.default_rng(0))
    found = duplicates(pictures)
    result = {"recall": len(found & true) / len(true), "precision": len(found & true) / max(len(found), 1)}
    print(f"{len(found & true)} of {len(true)} planted pairs found, {len(found - true)} other pairs reported")
    return result


if __name__ == "__main__":
    main(sys.argv[1])
