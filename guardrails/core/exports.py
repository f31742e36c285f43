"""The public names of a package: each is imported from its module when somebody asks for it, so listing costs nothing.

Tests and tools outside the package import from packages, modules of the product from modules: where a name lives may
change without changing who uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module


def public(package: str, **modules: str) -> Callable[[str], object]:
    """The `__getattr__` (PEP 562) of a package whose modules offer these names, parted by blanks."""

    def find(name: str) -> object:
        for module, names in modules.items():
            if name in names.split():
                found: object = getattr(import_module(f"{package}.{module}"), name)
                return found
        raise AttributeError(f"package {package!r} has no public name {name!r}")

    return find
