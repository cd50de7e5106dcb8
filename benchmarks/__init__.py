"""tacit and its peers, in turn, in one run: ``python -m benchmarks --help``."""
