"""Questions put to services outside, each answered with a record."""
