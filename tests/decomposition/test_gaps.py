"""PCA of rows with gaps: the answer without gaps where there are none, the likelihood's maximum where there are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tacit import PCA, PPCA
from tacit.data.source import as_source
from tacit.decomposition.gaps import by_gaps
from tacit.errors import ArgumentError

rng = np.random.default_rng(0)
WHOLE = 2 * rng.normal(size=(300, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(300, 5)) + 5
HOLES = np.where(rng.random(WHOLE.shape) < 0.2, np.nan, WHOLE)
HOLES[7] = np.nan  # nothing observed


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_without_a_gap_it_is_pca(scaled, weighted):
    w = rng.integers(0, 3, 300).astype(float) if weighted else None
    found = by_gaps(as_source(WHOLE, weight=w), scaled, None, 0)
    pca = PCA(scale=scaled).fit(WHOLE, sample_weight=w)
    np.testing.assert_allclose(found.variances, pca.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(found.mean, pca.mean_, rtol=1e-9)
    np.testing.assert_allclose(np.abs((found.directions * pca.components_).sum(axis=1)), 1, rtol=1e-6)


def test_gaps_are_filled_by_the_other_cells():
    pca, peer = PCA(2).fit(HOLES), PCA(2).fit(WHOLE)
    gap = np.isnan(HOLES)
    gap[7] = False
    error = np.sqrt(np.mean((pca.impute(HOLES) - WHOLE)[gap] ** 2))
    assert error < 0.35 * np.sqrt(np.mean((WHOLE - WHOLE.mean(axis=0))[gap] ** 2))
    np.testing.assert_allclose(np.abs((pca.components_ * peer.components_).sum(axis=1)), 1, atol=0.01)
    np.testing.assert_array_equal(pca.impute(HOLES)[~np.isnan(HOLES)], HOLES[~np.isnan(HOLES)])
    np.testing.assert_allclose(pca.impute(HOLES)[7], pca.mean_)
    np.testing.assert_allclose(pca.transform(HOLES)[7], 0, atol=1e-12)
    np.testing.assert_allclose(pca.transform(HOLES), pca.transform(pca.impute(HOLES)), atol=1e-9)
    np.testing.assert_allclose(pca.fit_transform(HOLES), pca.transform(HOLES))


def test_it_is_the_maximum_of_ppca():
    """The same likelihood as PPCA's EM, up to the divisor n - 1; its own scores are those of the observed cells."""
    pca, ppca = PCA(2).fit(HOLES), PPCA(2).fit(HOLES)
    n = len(HOLES)
    np.testing.assert_allclose(pca.explained_variance_ * (n - 1) / n, ppca.explained_variance_, rtol=1e-3)
    assert pca.noise_variance_ * (n - 1) / n == pytest.approx(ppca.noise_variance_, rel=1e-3)
    C, scores = pca.get_covariance(), pca.score_samples(HOLES)
    for i in range(20):
        o = np.flatnonzero(~np.isnan(HOLES[i]))
        expected = multivariate_normal.logpdf(HOLES[i, o], pca.mean_[o], C[np.ix_(o, o)]) if len(o) else 0.0
        assert scores[i] == pytest.approx(expected, abs=1e-6)


def test_counts_and_shares_of_components():
    assert [PCA(share).fit(HOLES).n_components_ for share in (0.5, 0.9)] == [
        PCA(share).fit(WHOLE).n_components_ for share in (0.5, 0.9)
    ]
    whole = PCA().fit(HOLES)
    assert whole.n_components_ == 5
    assert whole.noise_variance_ == 0
    assert (np.diff(whole.explained_variance_) <= 0).all()
    np.testing.assert_allclose(whole.components_ @ whole.components_.T, np.eye(5), atol=1e-9)
    assert PCA(2, scale=True).fit(HOLES).scale_.shape == (5,)
    assert PCA(3, whiten=True).fit_transform(HOLES).shape == (300, 3)


def test_single_precision_and_bad_columns():
    narrow = PCA(2).fit(HOLES.astype(np.float32))
    assert narrow.components_.dtype == np.float32
    assert (narrow.explained_variance_ > 0).all()
    empty = HOLES.copy()
    empty[:, 3] = np.nan
    with pytest.raises(ArgumentError, match="column 3 has no observed value"):
        PCA(2).fit(empty)
