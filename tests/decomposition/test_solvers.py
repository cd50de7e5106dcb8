"""The block solver and partial_fit give the answers of the exact solver on all rows."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import tacit.decomposition.pca as module
import tacit.decomposition.spectrum as spectrum
from tacit import PCA

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 300)) @ np.diag(1 / np.arange(1, 301)) + 3
SPARSE = sp.random(500, 400, density=0.05, random_state=0, format="csr")


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_block_solver_is_exact_to_many_digits(monkeypatch, scale, weighted):
    w = rng.integers(0, 3, len(X)) if weighted else None
    exact = PCA(3, scale=scale).fit(X, sample_weight=w)
    monkeypatch.setattr(module, "WIDE", 100)
    block = PCA(3, scale=scale).fit(X, sample_weight=w)
    np.testing.assert_allclose(block.explained_variance_, exact.explained_variance_, rtol=1e-6 if not scale else 5e-3)
    np.testing.assert_allclose(block.noise_variance_, exact.noise_variance_, rtol=1e-4)
    if not scale:
        np.testing.assert_allclose(block.components_, exact.components_, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_rows_are_centred_without_becoming_dense(monkeypatch, weighted):
    w = rng.integers(0, 3, SPARSE.shape[0]) if weighted else None
    exact = PCA(4, svd_solver="covariance_eigh").fit(SPARSE.toarray(), sample_weight=w)
    monkeypatch.setattr(module, "WIDE", 100)
    monkeypatch.setattr(spectrum, "KRYLOV", 12)
    block = PCA(4).fit(SPARSE, sample_weight=w)
    np.testing.assert_allclose(block.explained_variance_, exact.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(block.mean_, exact.mean_)
    np.testing.assert_allclose(np.abs(block.transform(SPARSE)), np.abs(exact.transform(SPARSE.toarray())), atol=1e-3)


@pytest.mark.parametrize("size", [1, 7, 250])
@pytest.mark.parametrize("scale", [False, True])
def test_partial_fit_is_fit(size, scale):
    rows, w = X[:250, :20], rng.integers(0, 3, 250)
    exact, part = PCA(4, scale=scale).fit(rows, sample_weight=w), PCA(4, scale=scale)
    for lo in range(0, 250, size):
        if w[lo : lo + size].any():
            part.partial_fit(rows[lo : lo + size], sample_weight=w[lo : lo + size])
    np.testing.assert_allclose(part.components_, exact.components_, atol=1e-9)
    np.testing.assert_allclose(part.explained_variance_, exact.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(part.noise_variance_, exact.noise_variance_, rtol=1e-9)
    np.testing.assert_allclose(part.mean_, exact.mean_)
    assert (part.explained_variance_ >= 0).all()
