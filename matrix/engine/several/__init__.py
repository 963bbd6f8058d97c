"""Several machines: an engine that deals a run to the workers of a Dask cluster, and hears what comes of it."""
