"""Agents that are wrong on purpose, one vice each: the tests of the checks."""
