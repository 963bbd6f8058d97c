"""Realistic configs with the ugly cases, seeded."""
