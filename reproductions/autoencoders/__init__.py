"""Published figures of autoencoders, made again; one script a figure."""
