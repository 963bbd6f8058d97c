"""The config store over HTTP; the extra `api` (FastAPI)."""
