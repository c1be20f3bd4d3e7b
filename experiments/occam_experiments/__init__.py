"""Occam's experiments: each command asks one question, runs Occam's commands and writes a table."""
