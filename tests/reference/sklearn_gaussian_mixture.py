"""What scikit-learn's tests of GaussianMixture say about ours."""

from reference.peers import Peer

PEER = Peer(
    package="sklearn.mixture",
    name="GaussianMixture",
    tests="sklearn.mixture.tests.test_gaussian_mixture",
    fails={
        "test_regularisation": "collapsed components are placed anew and reported; scikit-learn raises",
    },
    not_ours={},
)
