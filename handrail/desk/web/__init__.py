"""The desk: the human tier's web page, rendered here and live over server-sent events."""
