"""Networks that learn codes: estimators over the gradient loop."""

from .autoencoder import Autoencoder as Autoencoder
