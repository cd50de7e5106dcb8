"""Mixture models, under the names that scikit-learn's module has."""

from .bayesian import BayesianGaussianMixture as BayesianGaussianMixture
from .combine import combine as combine
from .gaussian import GaussianMixture as GaussianMixture
from .joint import JointMixture as JointMixture
from .modes import modal as modal
from .outliers import OutlierDetector as OutlierDetector
from .selection import select as select
