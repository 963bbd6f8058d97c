"""Agents that are unusual and correct: each is green, or unsupported for an honest reason."""
