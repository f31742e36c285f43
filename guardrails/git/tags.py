"""What a pushed ref names, and the tag objects on the way to it: they are sent, too."""

from typing import NamedTuple

from guardrails.git.repo import Repo

_DEEPEST = 1000
"""Tags of tags that are followed."""


class TaggedObject(NamedTuple):
    """The object at the end, its type, and the tags that lead there, outermost first."""

    id: str
    kind: str
    tags: tuple[str, ...] = ()


def peel_tags(repo: Repo, object_id: str) -> TaggedObject | None:
    """Follow tag objects to what they tag. None when an object is not there or the tags have no end."""
    tags: list[str] = []
    while len(tags) < _DEEPEST:
        kind = repo.run("cat-file", "-t", object_id, ok=(0, 1, 128)).decode("ascii").strip()
        if kind != "tag":
            return TaggedObject(object_id, kind, tuple(tags)) if kind else None
        tags.append(object_id)
        first = repo.run("cat-file", "tag", object_id).partition(b"\n")[0]
        object_id = first.removeprefix(b"object ").decode("ascii", "replace")
        if not object_id or object_id.strip("0123456789abcdef"):
            return None
    return None
