"""Reporters: one `render(result) -> str` each, imported only when its format is asked for."""

from collections.abc import Callable
from importlib import import_module

from guardrails.core.result import Result

Render = Callable[[Result], str]

_PACKAGE = "guardrails.reports.formats"
FORMATS = ("text", "json", "github", "sarif", "junit")


def reporter(name: str) -> Render:
    """The render function of a format. `text` is also called as `text.render(result, display)`."""
    render: Render = import_module(f"{_PACKAGE}.{name}").render
    return render
