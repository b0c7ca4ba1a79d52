"""Measurements of speed and memory, run on demand: see README.md in this folder."""
