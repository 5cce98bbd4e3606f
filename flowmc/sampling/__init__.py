"""Samplers: where targets, models, training and kernels are wired together.

Loaded piece by piece on use, so that reading results never starts TensorFlow.
"""

__all__: list[str] = []
