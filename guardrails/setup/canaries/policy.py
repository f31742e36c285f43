"""Changes of the configuration that loosen what is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guardrails.config.settings import CONFIG_FILE
from guardrails.core.text import MEGABYTE
from guardrails.setup.canaries.ground import NOTHING, Canary, Files, Ground, Plant

_SIGNERS = "allowed_signers"
_FEW = 0.01

Change = Callable[[Ground], tuple[Files, Files]]
"""What the base has beside the ground, and what the change makes of it."""


def _canary(rule: str, change: Change) -> Canary:
    def plant(ground: Ground) -> Plant | str:
        if ground.settings.policy.judge == "tip":
            return "policy.judge is tip, so that a change judges itself"
        before, after = change(ground)
        return Plant(after, (before,) if before else ())

    return Canary(rule, "pre-commit", plant)


def _sections(before: dict[str, Any], after: dict[str, Any]) -> Change:
    return lambda ground: (ground.configured(**before), ground.configured(**after))


def _root(ground: Ground) -> tuple[Files, Files]:
    held = {ground.evidence("canary.txt"): b"x\n"}
    return held, ground.configured(evidence={"root": "canary-records"})


def _waiver(ground: Ground) -> tuple[Files, Files]:
    return NOTHING, ground.waivers("TRK012", ground.tracker, "2099-12-31")


def _limit(ground: Ground) -> tuple[Files, Files]:
    limit = ground.settings.evidence.limit_bytes / MEGABYTE
    low = ground.configured(evidence={"warn_mb": _FEW, "limit_mb": limit})
    return low, ground.configured(evidence={"warn_mb": _FEW, "limit_mb": limit + 1})


def _roster(ground: Ground) -> tuple[Files, Files]:
    two, one = ({"plan": {"agents": agents}} for agents in (["canary_a", "canary_b"], ["canary_a"]))
    return ground.configured(stages=two), ground.configured(stages=one)


def _signer(_ground: Ground) -> tuple[Files, Files]:
    key = b" ssh-ed25519 AAAA\n"
    return {_SIGNERS: b"canary" + key}, {_SIGNERS: b"canary" + key + b"other" + key}


def _secret(ground: Ground) -> tuple[Files, Files]:
    named = (ground.config or {}).get("secrets", {}).get("env", [])
    env = ground.configured(secrets={"env": [*named, "CANARY_KEY"]})
    return env, ground.configured(secrets={"env": named})


def _exclusion(ground: Ground) -> tuple[Files, Files]:
    excluded = [*ground.settings.clean_tree.exclude, "canary/"]
    return NOTHING, ground.configured(clean_tree={"exclude": excluded})


def _unreadable(ground: Ground) -> tuple[Files, Files]:
    return {CONFIG_FILE: b"version: 1\ntrakcer: {}\n"}, ground.configured()


_AGREED = {"min_agreement": 0.9, "degraded_below": 0.5}

POLICY = (
    _canary("POL001", _root),
    _canary("POL002", _waiver),
    _canary("POL003", _limit),
    _canary("POL004", _roster),
    _canary("POL005", _sections({"consensus": _AGREED}, {"consensus": {**_AGREED, "min_agreement": 0.6}})),
    _canary("POL006", _sections({"evidence": {"signature": "required"}}, {"evidence": {"signature": "off"}})),
    _canary("POL007", _signer),
    _canary("POL008", _secret),
    _canary(
        "POL009",
        _sections({"documents": {"required": {"canary.md": ["Said"]}}}, {"documents": {"required": {"canary.md": []}}}),
    ),
    _canary("POL010", _sections({"stages": {"plan": {"checks": ["lint"]}}}, {"stages": {"plan": {"checks": []}}})),
    _canary("POL011", _exclusion),
    _canary("POL012", _sections({"policy": {"judge": "both"}}, {"policy": {"judge": "tip"}})),
    _canary("POL013", _unreadable),
)
