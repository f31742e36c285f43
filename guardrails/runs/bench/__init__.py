"""The same SPEC under several routing profiles, measured."""
