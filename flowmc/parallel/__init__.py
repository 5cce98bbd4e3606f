"""Pools of every kind behind one ordered map; nothing here imports TensorFlow."""

__all__: list[str] = []
