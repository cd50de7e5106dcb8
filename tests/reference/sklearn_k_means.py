"""What scikit-learn's tests of KMeans say about ours."""

from reference.peers import Peer

PEER = Peer(
    package="sklearn.cluster",
    name="KMeans",
    tests="sklearn.cluster.tests.test_k_means",
    fails={},
    not_ours={
        r"test_n_init_auto.*": "reads the private attribute _n_init",
    },
)
