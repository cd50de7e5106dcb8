"""Expectation-maximisation: the loops, and the protocol of the models that they fit.

A model says what it expects of one block of rows and what maximises that (``LatentModel``); ``em`` climbs on all rows,
``online_em`` on batches, ``restarts`` from several starts. ``tacit.testing.check_latent_model`` checks a model.
"""

from .engine import Fit as Fit
from .engine import Pass as Pass
from .engine import em as em
from .engine import kept_in as kept_in
from .model import LatentModel as LatentModel
from .model import Statistics as Statistics
from .online import Online as Online
from .online import online_em as online_em
from .online import online_step as online_step
from .posterior import Discrete as Discrete
from .posterior import posterior as posterior
from .restarts import restarts as restarts
