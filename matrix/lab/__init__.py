"""The lab: the scripted model, the stub servers and the recorders that a worker holds."""
