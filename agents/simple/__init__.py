"""simple: a general assistant that also writes WhatsApp messages."""
