"""What scikit-learn's tests of MiniBatchKMeans say about ours."""

from reference.peers import Peer

PEER = Peer(
    package="sklearn.cluster",
    name="MiniBatchKMeans",
    tests="sklearn.cluster.tests.test_k_means",
    fails={
        r"test_float_precision\[.*": "batches are drawn by the content of the rows, which differs between precisions",
        r"test_minibatch_declared_convergence\[0.0001-None\]": "the shift of a step falls below tol an epoch later",
    },
    not_ours={
        r"test_n_init_auto.*|test_kmeans_init_auto_with.*": "reads the private attribute _n_init",
        r"test_minibatch_kmeans_init_size": "reads the private attribute _init_size",
    },
)
