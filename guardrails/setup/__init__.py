"""Setting a repository up: native hooks, a first configuration, a look at what is missing.

Plans are pure values made from what was observed; writing them is a separate step.
"""
