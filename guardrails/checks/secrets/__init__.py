"""`secrets`: nothing that is added holds a token, a key or a secret value."""
