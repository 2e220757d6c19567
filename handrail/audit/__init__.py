"""What looks back at the log: `verify`, `export`, `deadletters`."""
