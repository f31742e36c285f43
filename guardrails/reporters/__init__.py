"""Reporters: one `render(result) -> str` each, imported only when its format is asked for."""

from collections.abc import Callable
from importlib import import_module

from guardrails.result import Result

Render = Callable[[Result], str]

# `json_` because a module of the standard library's name confuses people and tools alike.
_MODULES = {"text": "text", "json": "json_", "github": "github", "sarif": "sarif", "junit": "junit"}

FORMATS = tuple(_MODULES)


def reporter(name: str) -> Render:
    """The render function of a format. `text` is also called as `text.render(result, display)`."""
    render: Render = import_module(f"{__name__}.{_MODULES[name]}").render
    return render
