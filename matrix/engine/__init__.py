"""The engine: executes cells, in worker processes, under watch."""
