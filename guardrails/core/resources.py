"""Where the schemas, native hooks, prompts and the sample lie: inside the wheel, or at the top of a source checkout."""

from __future__ import annotations

import os

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# In a wheel they sit in `guardrails/_shipped/`; a checkout (and an editable install) keeps them beside the package.
_PLACES = (os.path.join(_HERE, "_shipped"), os.path.dirname(_HERE))


def path_of(kind: str, name: str) -> str:
    """The absolute path of a shipped file, for example `path_of("schemas", "result.schema.json")`."""
    places = [os.path.join(place, kind, name) for place in _PLACES]
    return next((place for place in places if os.path.isfile(place)), places[0])


def read_resource(kind: str, name: str) -> bytes:
    """The bytes of a shipped file."""
    with open(path_of(kind, name), "rb") as stream:
        return stream.read()


def folder_of(kind: str) -> str:
    """The absolute path of a folder of shipped files."""
    places = [os.path.join(place, kind) for place in _PLACES]
    return next((place for place in places if os.path.isdir(place)), places[0])
