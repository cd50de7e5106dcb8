"""Published figures of energy models, made again; one script a figure."""
