"""Setting a repository up: native hooks, a first configuration, a look at what is missing."""
