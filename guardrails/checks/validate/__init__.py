"""`validate`: every evidence file against its schema, and what a schema cannot say."""
