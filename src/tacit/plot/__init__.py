"""Figures: one function each, from findings or a fit to a Plotly figure.

>>> from tacit import plot
>>> findings = {"map": {"scree": [0.5, 0.3, 0.2]}}
>>> plot.scree(findings).data[0].y
(0.5, 0.3, 0.2)
"""

from .adversarial import duel as duel
from .adversarial import duel_film as duel_film
from .adversarial import game_history as game_history
from .adversarial import sheet as sheet
from .ascent import coordinate_ascent as coordinate_ascent
from .ascent import half_steps as half_steps
from .ascent import touching as touching
from .atlas import atlas as atlas
from .atlas import loadings as loadings
from .atlas import relations as relations
from .atlas import scree as scree
from .classical import biplot as biplot
from .classical import choice as choice
from .classical import ellipses as ellipses
from .classical import em_steps as em_steps
from .classical import kmeans_steps as kmeans_steps
from .classical import pca_plane as pca_plane
from .classical import silhouettes as silhouettes
from .classical import variances as variances
from .classical import voronoi as voronoi
from .columns import filled as filled
from .columns import missing as missing
from .columns import reasons as reasons
from .columns import scores as scores
from .drawn import differences as differences
from .drawn import drawn as drawn
from .energy import chain as chain
from .energy import fantasies as fantasies
from .energy import filters as filters
from .energy import landscape as landscape
from .energy import learning as learning
from .groups import criterion as criterion
from .groups import evidence as evidence
from .groups import silhouette as silhouette
from .groups import traits as traits
from .pictures import codes as codes
from .pictures import decoded as decoded
from .pictures import strips as strips
