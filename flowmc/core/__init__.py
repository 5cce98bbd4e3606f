"""The vocabulary every room shares: types, registries, seeds, errors, checks.

Imports nothing above it, and nothing here imports TensorFlow when it is loaded.
"""

__all__: list[str] = []
