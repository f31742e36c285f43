"""`transitions`: how the tracker changed, commit by commit."""
