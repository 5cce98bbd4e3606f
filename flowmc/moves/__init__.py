"""Moves for `emcee.EnsembleSampler`: the sampler stays, one line changes.

Everything that needs emcee lives in this room and nowhere else.
"""

__all__ = ["FlowMove", "GlobalLocalMove", "PreconditionedMove", "VAEMove"]

from flowmc.moves.flow_move import FlowMove
from flowmc.moves.global_local_move import GlobalLocalMove
from flowmc.moves.preconditioned_move import PreconditionedMove
from flowmc.moves.vae_move import VAEMove
