"""Occam's network and recipe in PyTorch, for sweeps that are too wide for a processor."""
