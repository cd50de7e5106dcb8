"""Few coordinates for many columns."""

from .factor import PPCA as PPCA
from .factor import FactorAnalysis as FactorAnalysis
from .pca import PCA as PCA
