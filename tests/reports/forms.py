"""A report in each of its forms, as its command shows it."""

from __future__ import annotations

from guardrails.config import Settings
from guardrails.reports import Adoption, StatusReport, View, adoption, status
from guardrails.reports.formats import view_renderer
from tests.reports.history import NOW

LIMITS = Settings().evidence


def shown(view: View, form: str = "text") -> str:
    return view_renderer(form)(view)


def adoption_shown(found: Adoption, form: str = "text") -> str:
    return shown(adoption.view(found, LIMITS, NOW), form)


def status_shown(found: StatusReport, form: str = "text", *, whole: bool = False) -> str:
    return shown(status.view(found, LIMITS, NOW, whole=whole), form)
