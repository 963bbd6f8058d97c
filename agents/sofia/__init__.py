"""sofia: a project assistant who joins meetings, keeps Airtable and writes WhatsApp messages."""
