"""Few coordinates for many columns."""

from .pca import PCA as PCA
