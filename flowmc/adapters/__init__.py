"""Bridges to other packages, one foreign package a file."""

__all__ = ["from_tfp", "to_tfp"]

from flowmc.adapters.from_tfp import from_tfp
from flowmc.adapters.to_tfp import to_tfp
