"""Sweeps: every cell of a grid is trained, compressed, restored and compared."""
