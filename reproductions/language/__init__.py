"""Figures of models of texts, measured again; one script a figure."""
