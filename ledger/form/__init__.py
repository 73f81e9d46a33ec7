"""The form of what is recorded: canonical bytes, records, what they refer to. Pure."""
