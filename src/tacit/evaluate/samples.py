"""How good samples are, of any model that samples: close to the rows, as various as they, and not copied from them.

Rows [n, ...] are flattened; distances are those of the space that they are given in, so that pictures are best given
as features, such as the codes of an autoencoder or the last layer but one of a classifier.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg
from scipy.special import logsumexp
from scipy.stats import binom

from ..errors import ArgumentError
from ..rng import generator
from ..typing import Array, Doubles, Seed

ROOM = 1 << 22  # distances held at once
LOG_2PI = math.log(2 * math.pi)


class Manifold(NamedTuple):
    """Shares in [0, 1], but density, which may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Any, fake: Any, *, k: int = 5) -> Manifold:
    """Precision, recall, density and coverage of generated rows by balls about rows, as far as their k-th neighbour.

    Precision: the share of generated rows in some ball of a real row; recall: the share of real rows in some ball of a
    generated one (Kynkäänniemi et al. 2019). Density: in how many real balls a generated row lies, over k; coverage:
    the share of real balls with a generated row (Naeem et al. 2020), which outliers hardly move.

    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> found = manifold(x, x[::2] * 0.1)
    >>> bool(found.precision > 0.9), bool(found.recall < 0.3)
    (True, True)
    """
    x, y = _pair(real, fake)
    _enough(k, x, y)
    own_x, own_y = _radii(x, k), _radii(y, k)
    inside = np.zeros(len(y), dtype=np.int64)  # real balls that hold the generated row
    held = np.zeros(len(x), dtype=bool)  # real rows in a generated ball
    covered = np.zeros(len(x), dtype=bool)
    for at, d in _squares(x, y):
        near = d <= own_x[at, None]
        inside += near.sum(axis=0)
        covered[at] = near.any(axis=1)
        held[at] = (d <= own_y).any(axis=1)
    return Manifold(float((inside > 0).mean()), float(held.mean()), float(inside.mean() / k), float(covered.mean()))


def frechet(real: Any, fake: Any) -> float:
    """‖μ - ν‖² + tr(Σ + T - 2 (ΣT)^½) of the Gaussians with the moments of both (Heusel et al. 2017, equation 6).

    It falls with more rows: compare equally many, and with the distance of two sets of real rows, its floor.

    >>> x = np.random.default_rng(0).normal(size=(500, 3))
    >>> round(frechet(x, x + [1.0, 2.0, 2.0]), 6)
    9.0
    """
    x, y = _pair(real, fake)
    a, b = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    # tr (ab)^½ = Σ singular values of a^½ b^½
    root = linalg.svdvals(_root(a) @ _root(b)).sum()
    gap = x.mean(axis=0) - y.mean(axis=0)
    return float(max(gap @ gap + np.trace(a) + np.trace(b) - 2 * root, 0.0))


class TwoSample(NamedTuple):
    """A statistic, and how probable one as large is where both sets are of one distribution."""

    statistic: float
    p_value: float


def classifier_test(real: Any, fake: Any, classifier: Any = None, random_state: Seed = None) -> TwoSample:
    """The accuracy, on the half held out, of a classifier that tells generated rows from real ones; 1/2 is perfection.

    The p-value is that of so many hits by coin (Lopez-Paz and Oquab 2017). ``classifier`` is any of scikit-learn's,
    by default gradient-boosted trees.

    >>> x = np.random.default_rng(0).normal(size=(600, 2))
    >>> classifier_test(x[:300], x[300:], random_state=0).p_value > 0.01
    True
    >>> classifier_test(x[:300], 2 * x[300:], random_state=0).p_value < 0.01
    True
    """
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y = _pair(real, fake)
    m = min(len(x), len(y))
    rng = generator(random_state)
    x, y = x[rng.permutation(len(x))[:m]], y[rng.permutation(len(y))[:m]]
    half = m // 2
    if not half:
        raise ArgumentError("a test needs two rows of each kind")
    learn, test = np.concatenate([x[:half], y[:half]]), np.concatenate([x[half:], y[half:]])
    kinds, asked = np.repeat([0, 1], half), np.repeat([0, 1], m - half)
    judge = HistGradientBoostingClassifier(random_state=0) if classifier is None else clone(classifier)
    hits = int((judge.fit(learn, kinds).predict(test) == asked).sum())
    return TwoSample(hits / len(test), float(binom.sf(hits - 1, len(test), 0.5)))


def kernel_test(
    real: Any, fake: Any, *, width: float | None = None, n_permutations: int = 200, random_state: Seed = None
) -> TwoSample:
    """The unbiased squared maximum mean discrepancy with exp(-‖x - y‖² / 2w²), and its p-value by permutation.

    ``width`` w is by default the median distance between rows of both sets; 2,000 of each are looked at (Gretton et al.
    2012, equation 3).

    >>> x = np.random.default_rng(0).normal(size=(300, 2))
    >>> kernel_test(x[:150], x[150:], random_state=0).p_value > 0.01
    True
    >>> kernel_test(x[:150], x[150:] + 1, random_state=0).p_value < 0.01
    True
    """
    x, y = _pair(real, fake)
    rng = generator(random_state)
    x, y = (a[rng.permutation(len(a))[:2000]] for a in (x, y))
    both = np.concatenate([x, y])
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ArgumentError("a test needs two rows of each kind")
    d = np.concatenate([part for _, part in _squares(both, both)])
    off = d[np.triu_indices(len(d), 1)]
    w2 = float(np.median(off)) if width is None else width * width
    gram = np.exp(-d / (2 * (w2 or 1.0)))
    np.fill_diagonal(gram, 0.0)

    def discrepancy(first: Array) -> float:
        """Σ_{i≠j} k(x_i, x_j) / n(n-1) + the same of y - 2 mean k(x, y), from the membership of each row."""
        s = np.zeros(len(gram))
        s[first] = 1.0
        rows = gram @ s
        within_x = float(s @ rows)
        across = float((1 - s) @ rows)
        within_y = float(gram.sum()) - within_x - 2 * across
        return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)

    found = discrepancy(np.arange(n))
    others = np.array([discrepancy(rng.permutation(n + m)[:n]) for _ in range(n_permutations)])
    return TwoSample(found, float((1 + (others >= found).sum()) / (1 + n_permutations)))


class Modes(NamedTuple):
    """Of a mixture whose centres are known."""

    found: int  # with a generated row of high quality
    high_quality: float  # the share of generated rows within 3 σ of a centre
    kl: float  # of the shares of the modes among them from the true ones: Σ s log(s / t)


def modes(fake: Any, centres: Any, sd: float, weights: Any = None) -> Modes:
    """Modes and share of high quality among generated rows, for Gaussians N(centre, sd² I) (Lin et al. 2018).

    Of rows drawn from the mixture itself in two dimensions 98.9 % are of high quality: that is the ceiling.

    >>> found = modes([[0.0, 0.0], [1.0, 0.01], [0.5, 0.5]], [[0, 0], [1, 0], [0, 1]], 0.05)
    >>> found.found, round(found.high_quality, 3), round(found.kl, 3)
    (2, 0.667, 0.405)
    """
    y, c = _pair(fake, centres)
    true = np.full(len(c), 1 / len(c)) if weights is None else np.asarray(weights, dtype=np.float64)
    far = np.concatenate([d for _, d in _squares(y, c)])
    good = far.min(axis=1) <= (3 * sd) ** 2
    counts = np.bincount(far.argmin(axis=1)[good], minlength=len(c))
    share = counts / max(counts.sum(), 1)
    held = share > 0
    kl = float((share[held] * np.log(share[held] / true[held])).sum()) if held.any() else math.inf
    return Modes(int(held.sum()), float(good.mean()), kl)


class Copies(NamedTuple):
    """Whether generated rows are nearer to the rows that were learned from than to others."""

    nearer: float  # the share of generated rows nearer to a learned row than to a held-out one; 1/2 without copying
    p_value: float  # of as large a share by chance
    ratio: float  # the median distance to learned rows over that to held-out ones


def copies(learned: Any, held_out: Any, fake: Any, random_state: Seed = None) -> Copies:
    """Is a generated row nearer to its nearest learned row than to its nearest held-out row, of equally many?

    Half of the time, where nothing was copied (Meehan et al. 2020, in its simplest form).

    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> copies(x[:200], x[200:], x[:100] + 1e-3).nearer > 0.9
    True
    """
    a, y = _pair(learned, fake)
    b, _ = _pair(held_out, fake)
    rng = generator(random_state)
    m = min(len(a), len(b))
    a, b = a[rng.permutation(len(a))[:m]], b[rng.permutation(len(b))[:m]]
    near, other = (np.sqrt(_nearest(y, rows)) for rows in (a, b))
    ties = np.isclose(near, other, rtol=1e-9, atol=1e-12)
    hits = int((near < other)[~ties].sum() + ties.sum() // 2)
    low = np.median(other)
    ratio = float(np.median(near) / low) if low else math.nan
    return Copies(hits / len(y), float(binom.sf(hits - 1, len(y), 0.5)), ratio)


class Parzen(NamedTuple):
    """Mean log-likelihood a row, its standard error, and the width that was chosen."""

    mean: float
    error: float
    width: float


def parzen(fake: Any, test: Any, valid: Any, widths: Any = None) -> Parzen:
    """log 1/m Σ_i N(x; y_i, w² I) of test rows by a window about each generated row y; w is chosen on ``valid``.

    The protocol of Goodfellow et al. (2014): 10,000 generated rows, 10 widths from 0.1 to 1, pixels in [0, 1]. Known
    faults: in hundreds of dimensions it ranks models by their closeness to a few centres, prefers k-means centres to
    the truth, and has a variance of its own (Theis et al. 2016). For comparison with old tables only.

    >>> rng = np.random.default_rng(0)
    >>> found = parzen(rng.normal(size=(500, 1)), rng.normal(size=(200, 1)), rng.normal(size=(200, 1)))
    >>> bool(abs(found.mean + 0.5 * np.log(2 * np.pi * np.e)) < 0.1)
    True
    """
    y, x = _pair(fake, test)
    _, v = _pair(fake, valid)
    tried = np.logspace(-1, 0, 10) if widths is None else np.asarray(widths, dtype=np.float64)
    d = y.shape[1]

    def likelihood(rows: Doubles, several: Array) -> Doubles:
        parts = []
        for _, squares in _squares(rows, y):
            parts.append([logsumexp(-squares / (2 * w * w), axis=1) for w in several])
        mass = np.concatenate(parts, axis=1)  # [widths, n]
        scale: Doubles = math.log(len(y)) + d * (np.log(several)[:, None] + 0.5 * LOG_2PI)
        return mass - scale

    width = float(tried[likelihood(v, tried).mean(axis=1).argmax()])
    found = likelihood(x, np.array([width]))[0]
    return Parzen(float(found.mean()), float(found.std(ddof=1) / math.sqrt(len(found))), width)


def _pair(a: Any, b: Any) -> tuple[Doubles, Doubles]:
    """Both as finite rows [n, d] of one width."""
    out = []
    for name, rows in (("real", a), ("generated", b)):
        x = np.asarray(rows.detach().cpu() if hasattr(rows, "detach") else rows, dtype=np.float64)
        if x.ndim < 2 or not len(x):
            raise ArgumentError(f"{name} rows must be an array [n, d] with a row or more. Got shape {x.shape}")
        if not np.isfinite(x).all():
            raise ArgumentError(f"{name} rows contain NaN or infinity")
        out.append(x.reshape(len(x), -1))
    if out[0].shape[1] != out[1].shape[1]:
        raise ArgumentError(f"real rows have {out[0].shape[1]} numbers, generated ones {out[1].shape[1]}")
    return out[0], out[1]


def _enough(k: int, *sets: Doubles) -> None:
    least = min(map(len, sets))
    if not 1 <= k < least:
        raise ArgumentError(
            f"k must be an int in the range [1, {least - 1}], one less than the rows. Got {k!r} instead."
        )


def _squares(x: Doubles, y: Doubles) -> Iterator[tuple[slice, Doubles]]:
    """‖x_i - y_j‖² by parts of the rows x; both are moved to their common mean, where little cancels."""
    shift = y.mean(axis=0)
    x, y = x - shift, y - shift
    norms = np.einsum("ij,ij->i", y, y)
    step = max(1, ROOM // len(y))
    for lo in range(0, len(x), step):
        some = x[lo : lo + step]
        d = some @ (-2 * y.T)
        d += norms
        d += np.einsum("ij,ij->i", some, some)[:, None]
        yield slice(lo, lo + len(some)), np.maximum(d, 0, out=d)


def _radii(x: Doubles, k: int) -> Doubles:
    """The squared distance of each row to its k-th neighbour among the others."""
    return np.concatenate([np.partition(d, k, axis=1)[:, k] for _, d in _squares(x, x)])


def _nearest(x: Doubles, y: Doubles) -> Doubles:
    """min_j ‖x_i - y_j‖²."""
    return np.concatenate([d.min(axis=1) for _, d in _squares(x, y)])


def _root(a: Doubles) -> Doubles:
    """The symmetric square root."""
    w, v = linalg.eigh(a)
    root: Doubles = (v * np.sqrt(np.maximum(w, 0))) @ v.T
    return root
