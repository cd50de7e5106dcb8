"""Measures of samples: hand-worked cases, closed forms, and what each is to notice and to overlook."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from tacit import GaussianMixture
from tacit.errors import ArgumentError
from tacit.evaluate import (
    classifier_test,
    copies,
    directions,
    directions_table,
    frechet,
    kernel_test,
    manifold,
    modes,
    parzen,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = RNG.normal(size=(300, 3))


def by_neighbours(x, y, k):
    """Precision, recall, density, coverage by an independent search for neighbours."""
    rx = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]
    ry = NearestNeighbors(n_neighbors=k + 1).fit(y).kneighbors(y)[0][:, k]
    d = np.linalg.norm(x[:, None] - y, axis=2)
    inside = d <= rx[:, None]
    return inside.any(0).mean(), (d <= ry).any(1).mean(), inside.sum() / k / len(y), inside.any(1).mean()


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("y", [Y[:200], 0.3 * Y, Y + 2])
def test_the_manifold_is_that_of_brute_force(k, y) -> None:
    assert tuple(manifold(X, y, k=k)) == pytest.approx(by_neighbours(X, y, k))


def test_what_each_share_notices() -> None:
    same, narrow, wide = manifold(X, Y), manifold(X, 0.2 * Y), manifold(X, 4 * Y)
    assert min(same.precision, same.recall, same.coverage) > 0.8
    assert same.density == pytest.approx(1, abs=0.15)
    assert narrow.precision > 0.95
    assert max(narrow.recall, narrow.coverage) < 0.3
    assert wide.precision < 0.3
    assert wide.recall > 0.9
    assert manifold(X, X).coverage == 1
    assert manifold(X, X + 1000).density == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.floats(0.1, 3), st.integers(1, 4))
def test_frechet_of_moved_and_stretched_rows(shift, factor, d) -> None:
    x = RNG.normal(size=(60, d))
    sd = x.std(axis=0, ddof=1)
    cov = np.atleast_2d(np.cov(x, rowvar=False))
    mean = x.mean(axis=0)
    gap = (factor - 1) * mean + shift
    # Σ and factor² Σ commute: tr(Σ + f²Σ - 2fΣ) = (f - 1)² tr Σ
    assert frechet(x, factor * x + shift) == pytest.approx(gap @ gap + (factor - 1) ** 2 * np.trace(cov), abs=1e-7)
    assert frechet(x, x) == pytest.approx(0, abs=1e-7)
    assert frechet(x, x[::-1] + sd) == pytest.approx(sd @ sd, rel=1e-6)


def test_frechet_is_symmetric_and_knows_constant_columns() -> None:
    x = np.column_stack([X, np.ones(300)])
    y = np.column_stack([Y @ np.triu(np.ones((3, 3))), np.zeros(300)])
    assert frechet(x, y) == pytest.approx(frechet(y, x), rel=1e-6)
    one = frechet(X[:, :1], Y[:, :1])
    a, b = X[:, 0], Y[:, 0]
    assert one == pytest.approx((a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2, rel=1e-6)


def test_tests_of_two_samples_notice_a_difference_and_nothing_else() -> None:
    for test in (classifier_test, kernel_test):
        assert test(X, Y, random_state=0).p_value > 0.02, test
        assert test(X, 1.8 * Y, random_state=0).p_value < 0.02, test
    twin = classifier_test(X, 10 + Y, random_state=0)
    assert twin.statistic > 0.99
    assert twin.p_value < 1e-20


def test_the_discrepancy_is_the_unbiased_sum() -> None:
    x, y = X[:7], Y[:5] + 1

    def k(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(-1) / (2 * 1.3**2))

    a, b = k(x, x), k(y, y)
    wanted = (a.sum() - 7) / 42 + (b.sum() - 5) / 20 - 2 * k(x, y).mean()
    assert kernel_test(x, y, width=1.3, n_permutations=1, random_state=0).statistic == pytest.approx(wanted)


def test_p_values_of_the_kernel_test_are_uniform_where_nothing_differs() -> None:
    found = [
        kernel_test(RNG.normal(size=(20, 2)), RNG.normal(size=(20, 2)), n_permutations=49, random_state=i).p_value
        for i in range(80)
    ]
    assert 0.35 < np.mean(found) < 0.65
    assert np.mean(np.array(found) <= 0.1) < 0.25


def test_modes_of_a_mixture() -> None:
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    drawn = centres[RNG.integers(3, size=6000)] + 0.1 * RNG.normal(size=(6000, 2))
    true = modes(drawn, centres, 0.1)
    assert true.found == 3
    assert true.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert true.kl < 0.002
    one = modes(0 * drawn, centres, 0.1)
    assert (one.found, one.kl) == (1, pytest.approx(math.log(3)))
    assert modes([[9.0, 9.0]], centres, 0.1).kl == math.inf
    assert modes(drawn, centres, 0.1, weights=[0.8, 0.1, 0.1]).kl > 0.3


def test_copies_are_found() -> None:
    learned, other = X[:150], X[150:]
    assert copies(learned, other, Y, 0).p_value > 0.01
    memory = copies(learned, other, learned[:100] + 1e-6, 0)
    assert memory.nearer == 1
    assert memory.p_value < 1e-20
    assert memory.ratio < 1e-3
    assert copies(learned, learned, Y[:50], 0).nearer == 0.5  # ties


def test_a_window_is_a_density() -> None:
    y = np.array([[0.0], [3.0]])
    grid = np.linspace(-8, 11, 400)[:, None]
    found = [parzen(y, np.array([[v], [v]]), grid, widths=[0.7]).mean for v in grid[:, 0]]
    assert np.trapezoid(np.exp(found), grid[:, 0]) == pytest.approx(1, abs=1e-6)
    assert parzen(RNG.normal(size=(400, 1)), grid[:10], RNG.normal(size=(200, 1))).width < 1


def test_both_directions_of_two_gaussians() -> None:
    class Known:
        """q = N(0, 2²)."""

        def score_samples(self, x):
            return -0.5 * (x[:, 0] / 2) ** 2 - math.log(2 * math.sqrt(2 * math.pi))

        def sample(self, n):
            return 2 * np.random.default_rng(1).normal(size=(n, 1))

    def log_p(x):
        return -0.5 * x[:, 0] ** 2 - 0.5 * math.log(2 * math.pi)

    found = directions(Known(), RNG.normal(size=(20_000, 1)), log_p)
    assert found.density == "explicit"
    assert found.forward.mean == pytest.approx(
        -0.125 - math.log(2 * math.sqrt(2 * math.pi)), abs=4 * found.forward.error
    )
    assert found.backward.mean == pytest.approx(-2 - 0.5 * math.log(2 * math.pi), abs=4 * found.backward.error)

    class Implicit:
        sample = Known.sample

    none = directions(Implicit(), X[:, :1], log_p)
    assert (none.density, none.forward) == ("implicit", None)
    fitted = GaussianMixture(1).fit(X[:, :1])  # whose sample gives components too
    lines = directions_table({"GMM": directions(fitted, X[:, :1]), "GAN": none}).splitlines()
    assert lines[2].startswith("| GMM | explicit | -1.")
    assert lines[2].endswith("| not available |")
    assert lines[3].startswith("| GAN | implicit | not available | -2.")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: manifold(X, Y[:4]), "k must be"),
        (lambda: frechet(X, Y[:, :2]), "3 numbers, generated ones 2"),
        (lambda: frechet(X, [[np.nan] * 3]), "generated rows contain NaN"),
        (lambda: kernel_test(X, Y[:1]), "two rows"),
        (lambda: copies(X, X, np.ones(3)), "must be an array"),
    ],
)
def test_rows_that_cannot_be_measured(call, words) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()


def test_pictures_are_flattened_and_parts_make_no_difference(monkeypatch) -> None:
    whole = manifold(X.reshape(300, 1, 3, 1), Y)
    monkeypatch.setattr("tacit.evaluate.samples.ROOM", 1000)
    assert manifold(X, Y) == whole
    assert parzen(X, Y, Y[:20]).mean == pytest.approx(parzen(X, Y, Y[:20]).mean)
