"""Vectors of words and of the nodes of graphs, by predicting what stands around them."""

from .node import NodeEmbedding as NodeEmbedding
from .word import WordEmbedding as WordEmbedding

__all__ = ["NodeEmbedding", "WordEmbedding"]
