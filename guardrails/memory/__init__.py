"""Memory: what agents answered and what was decided, kept to be searched. Effects; no check imports it."""
