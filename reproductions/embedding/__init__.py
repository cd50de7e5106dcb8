"""Vectors of words beside gensim's, and of nodes beside published figures."""
