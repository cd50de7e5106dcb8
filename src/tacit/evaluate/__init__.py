"""Measures of what a model found, beyond those that scikit-learn has."""

from .clusters import Silhouette as Silhouette
from .clusters import silhouette as silhouette
