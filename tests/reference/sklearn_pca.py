"""What scikit-learn's tests of PCA say about ours."""

from reference.peers import Peer

PEER = Peer(
    package="sklearn.decomposition",
    name="PCA",
    tests="sklearn.decomposition.tests.test_pca",
    fails={},
    not_ours={},
)
