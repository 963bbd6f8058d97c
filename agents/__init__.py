"""The bundled agents, one folder each."""
