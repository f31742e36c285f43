"""Tokens, keys and the values of secret variables: found, and kept out of what is shown."""
