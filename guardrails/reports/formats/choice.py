"""Reporters: one `render` each, of a result or of a report's view, imported only when its format is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from guardrails.core.result import Result

if TYPE_CHECKING:
    from guardrails.reports.view import View

Render = Callable[[Result], str]

_PACKAGE = "guardrails.reports.formats"
FORMATS = ("text", "json", "github", "sarif", "junit")


def reporter(name: str) -> Render:
    """The render function of a format. `text` is also called as `text.render(result, display)`."""
    render: Render = import_module(f"{_PACKAGE}.{name}").render
    return render


def view_renderer(form: str) -> Callable[[View], str]:
    """The render function of a form of reports."""
    name = "terminal" if form == "text" else form
    render: Callable[[View], str] = import_module(f"{_PACKAGE}.{name}").render
    return render
