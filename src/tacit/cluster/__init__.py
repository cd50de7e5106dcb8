"""Clustering: each row belongs to one of K groups."""

from .kmeans import KMeans as KMeans
from .minibatch import MiniBatchKMeans as MiniBatchKMeans
