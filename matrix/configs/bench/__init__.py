"""`python -m matrix bench configs`: the same work on the legacy and on the new schema, measured and reported."""

from matrix.configs.bench.run import DEFAULT_SCALES, FULL_SCALES, run_benchmark, write_report

__all__ = ["DEFAULT_SCALES", "FULL_SCALES", "run_benchmark", "write_report"]
