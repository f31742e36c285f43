"""The SPEC that a check of the whole repository may be narrowed to, among what a hook appends."""

import os

import click


def spec_among(arguments: tuple[str, ...]) -> str | None:
    """The SPEC among the arguments. File names are ignored: they have a slash or a dot, or such a file is there.

    A word with `..` between slashes is no name that a hook appends: it is taken for a SPEC, and refused as one.
    """
    named = [word for word in arguments if not _is_file_name(word)]
    if len(named) > 1:
        raise click.UsageError("one SPEC at a time")
    return named[0] if named else None


def _is_file_name(word: str) -> bool:
    if ".." in word.replace(os.sep, "/").split("/"):
        return False
    return "/" in word or "." in word or (os.path.isfile(word) and "\0" not in word)
