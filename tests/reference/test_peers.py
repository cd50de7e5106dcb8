"""scikit-learn's own tests pass on our classes, but for a listed few."""

import pytest

import tacit
from reference import peers

KEYS = ["gaussian_mixture", "k_means", "mini_batch_k_means", "pca"]


@pytest.mark.parametrize("key", [k for k in KEYS if peers.peer(k).name in tacit.__all__])
def test_peer(key):
    outcome = peers.run(key)
    assert not peers.unexpected(key, outcome)
    assert len(outcome.passed) > 30
    assert outcome.share >= 0.95
