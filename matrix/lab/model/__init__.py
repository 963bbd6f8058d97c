"""The scripted model: a script, the conversation that plays it, the providers' wire formats, the ways in."""
