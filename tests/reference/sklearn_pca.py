"""What scikit-learn's tests of PCA say about ours."""

from reference.peers import Peer

PEER = Peer(
    package="sklearn.decomposition",
    name="PCA",
    tests="sklearn.decomposition.tests.test_pca",
    fails={
        r"test_pca_score\[.*": "asks that whitening lower the likelihood; ours is the same density either way",
        r"test_pca_svd_solver_auto\[.*": "reads the private name of the solver that scikit-learn would have chosen",
    },
    not_ours={},
)
