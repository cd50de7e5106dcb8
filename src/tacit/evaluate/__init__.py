"""Measures of what a model found, beyond those that scikit-learn has."""

from .clusters import Silhouette as Silhouette
from .clusters import silhouette as silhouette
from .directions import IMPLICIT as IMPLICIT
from .directions import Direction as Direction
from .directions import Directions as Directions
from .directions import directions as directions
from .directions import directions_table as directions_table
from .samples import classifier_test as classifier_test
from .samples import copies as copies
from .samples import frechet as frechet
from .samples import kernel_test as kernel_test
from .samples import manifold as manifold
from .samples import modes as modes
from .samples import parzen as parzen
