"""scikit-learn's own checks, on the model of rows."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

pytest.importorskip("torch", reason="the deep part needs torch")

import tacit


@parametrize_with_checks([tacit.GAN(2, hidden_sizes=(4,), epochs=1, batch_size=10, random_state=0)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
