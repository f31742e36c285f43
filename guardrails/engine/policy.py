"""What a change of the configuration makes looser: findings of the POL family, each at the line that does it.

`KEYS` says of every key of the configuration what makes it looser, or why nothing does. Both sides are compared as they
take effect, so that a key that is left out counts as its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.config.layout import STAGES
from guardrails.config.loader import load_for_run
from guardrails.config.run_settings import RunSettings, StagePlan
from guardrails.config.settings import CONFIG_FILE, DocumentRule, Service, Settings
from guardrails.config.yaml import Parsed, YamlPath, parse_yaml
from guardrails.core.finding import Finding, Rule
from guardrails.core.limits import enumerated
from guardrails.core.text import MEGABYTE
from guardrails.engine.bindings import HOOKS_FILE, Bindings, bindings
from guardrails.engine.rules import (
    BASE_UNREADABLE,
    CHECK_UNBOUND,
    EXCLUSION_ADDED,
    JUDGE_WEAKENED,
    LIMIT_RAISED,
    REQUIREMENT_DROPPED,
    ROOT_MOVED,
    ROSTER_REDUCED,
    SECRET_UNNAMED,
    SIGNATURE_WEAKENED,
    SIGNER_ADDED,
    THRESHOLD_LOWERED,
    WAIVER_ADDED,
)
from guardrails.errors import GuardrailError
from guardrails.snapshot.base import Snapshot
from guardrails.snapshot.context import CheckContext, PolicyBase
from guardrails.snapshot.sources import policy_files

_NAMED = 5
"""Names that a message lists."""


class Configuration(NamedTuple):
    """One side of a change: its configuration as it takes effect, and the bytes it speaks of."""

    snapshot: Snapshot
    settings: Settings
    run: RunSettings

    @property
    def profiles(self) -> tuple[str, ...]:
        return tuple(profile.name for profile in self.run.profiles)


class Loosened(NamedTuple):
    """What became looser, and the key in the file that makes it so."""

    rule: Rule
    message: str
    key: YamlPath
    line: int | None = None
    """where it stands, in a file that is not YAML"""


Judge = Callable[[YamlPath, Configuration, Configuration], Iterator[Loosened]]
"""(key, base, tip) → what the tip makes looser under that key."""


# How values of one kind are compared.


def _listed(names: Iterable[Any]) -> str:
    return enumerated(tuple(map(str, names)), _NAMED)


def _fewer(rule: Rule, names: Callable[[Configuration], Iterable[str]]) -> Judge:
    """Names that the base had and the tip has not."""

    def judge(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        now = set(names(tip))
        if gone := [name for name in names(base) if name not in now]:
            yield Loosened(rule, f"{_dotted(key)} no longer has {_listed(gone)}", key)

    return judge


def _more(rule: Rule, names: Callable[[Configuration], Iterable[str]]) -> Judge:
    """Names that the tip has and the base had not."""

    def judge(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        before = set(names(base))
        if new := [name for name in names(tip) if name not in before]:
            yield Loosened(rule, f"{_dotted(key)} has {_listed(new)} now, too", key)

    return judge


def _number(rule: Rule, value: Callable[[Configuration], float | None], *, looser: int) -> Judge:
    """A number that went up (`looser` 1) or down (-1); None is no limit at all."""

    def judge(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        was, now = value(base), value(tip)
        least = was is not None and (now is None or (now - was) * looser > 0)
        if least:
            said = "none" if now is None else f"{now:g}"
            yield Loosened(rule, f"{_dotted(key)} went from {was:g} to {said}", key)

    return judge


def _order(rule: Rule, value: Callable[[Configuration], Any], strict_to_loose: Sequence[Any]) -> Judge:
    """A value out of an order, the strictest first."""

    def judge(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        was, now = value(base), value(tip)
        if strict_to_loose.index(now) > strict_to_loose.index(was):
            yield Loosened(rule, f"{_dotted(key)} went from {_word(was)} to {_word(now)}", key)

    return judge


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dotted(key: YamlPath) -> str:
    return ".".join(map(str, key))


# Where things lie.


def _root(place: Callable[[Settings], str]) -> Judge:
    """A place that held something in the base and is not looked at any more."""

    def judge(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        was, now = place(base.settings), place(tip.settings)
        if was != now and base.snapshot.entries(was):
            yield Loosened(ROOT_MOVED, f"{_dotted(key)} went from {was}, which holds something, to {now}", key)

    return judge


def _spec_id(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    """SPECs of either side that the tip's pattern does not match."""
    was, now = base.settings.layout, tip.settings.layout
    if was.spec_id == now.spec_id:
        return
    folders = {*base.snapshot.folders(was.docs), *tip.snapshot.folders(now.docs)}
    if lost := sorted(name for name in folders if was.id_of(name) and was.id_of(name) != now.id_of(name)):
        yield Loosened(ROOT_MOVED, f"{_dotted(key)} does not match {_listed(lost)}, which it matched", key)


# What is required.


def _documents(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    known = {document.name: document for document in tip.settings.documents}
    for document in base.settings.documents:
        now = known.get(document.name)
        lacking = [document.name] if now is None else _sections_dropped(document, now)
        if lacking:
            message = f"{_dotted(key)}: {document.name} need not have {_listed(lacking)} any more"
            yield Loosened(REQUIREMENT_DROPPED, message, (*key, document.name))


def _sections_dropped(was: DocumentRule, now: DocumentRule) -> list[str]:
    return [
        section.heading or f"a table of {', '.join(section.columns)}"
        for section in was.sections
        if not any(
            (section.heading in (None, other.heading)) and set(section.columns) <= set(other.columns)
            for other in now.sections
        )
    ]


def _thread(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    was, now = base.settings.tracker.thread, tip.settings.tracker.thread
    if now not in (was, "file"):  # a branch and a table are not comparable, and a file holds both
        yield Loosened(REQUIREMENT_DROPPED, f"{_dotted(key)} went from {was} to {now}", key)


def _transitions(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    allowed = dict(tip.settings.tracker.transitions)
    for status, after in base.settings.tracker.transitions:
        if status not in tip.settings.tracker.statuses:
            continue  # no row may have it
        if status not in allowed:
            yield Loosened(REQUIREMENT_DROPPED, f"{_dotted(key)}: {status} may become anything now", key)
        elif more := [name for name in allowed[status] if name not in after]:
            message = f"{_dotted(key)}: {_listed(more)} may follow {status} now"
            yield Loosened(REQUIREMENT_DROPPED, message, (*key, status))


def _security(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    was, now = base.settings.security, tip.settings.security
    gone = [name for name in was.required if name not in now.required]
    if not now.every and (was.every or gone):
        message = f"{_dotted(key)} no longer has {'all' if was.every else _listed(gone)}"
        yield Loosened(REQUIREMENT_DROPPED, message, key)


def _waivers(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    known = {(waiver.rule, waiver.path): waiver.expires for waiver in base.settings.waivers}
    for at, waiver in enumerate(tip.settings.waivers):
        was = known.get((waiver.rule, waiver.path))
        if was is None:
            yield Loosened(WAIVER_ADDED, f"a waiver of {waiver.rule} in {waiver.path} is new", (*key, at))
        elif waiver.expires > was:
            message = f"the waiver of {waiver.rule} in {waiver.path} is extended from {was} to {waiver.expires}"
            yield Loosened(WAIVER_ADDED, message, (*key, at))


# Stages and services, each with a name in its key.


def _each_stage(judge: Callable[[StagePlan, StagePlan], str | None], rule: Rule, *, of_profiles: bool) -> Judge:
    """What `judge` says of each stage, as it is without a profile or under each profile that both sides have."""

    def judged(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        both = [name for name in base.profiles if name in tip.profiles]
        for profile in both if of_profiles else [None]:
            was, now = base.run.under(profile), tip.run.under(profile)
            for stage in STAGES:
                message = judge(was.stage(stage), now.stage(stage))
                prefix = () if profile is None else ("profiles", profile)
                place = (*prefix, "stages", stage, key[-1])
                if message:
                    yield Loosened(rule, f"{_dotted(place)} {message}", place)

    return judged


def _agents_dropped(was: StagePlan, now: StagePlan) -> str | None:
    return _lacks(was.roster, now.roster)


def _lacks(was: Sequence[object], now: Sequence[object]) -> str | None:
    gone = [" ".join(map(str, each)) if isinstance(each, tuple) else each for each in was if each not in now]
    return f"no longer has {_listed(gone)}" if gone else None


def _checks_dropped(was: StagePlan, now: StagePlan) -> str | None:
    if was.checks is None:  # the stage's own: what names others may name more
        return "is empty" if now.checks == () else None
    return None if now.checks is None else _lacks(was.checks, now.checks)


def _probes_dropped(was: StagePlan, now: StagePlan) -> str | None:
    if was.probes is None:
        return "is empty" if now.probes == () else None
    return None if now.probes is None else _lacks(was.probes, now.probes)


def _commands_dropped(was: StagePlan, now: StagePlan) -> str | None:
    return _lacks(was.prefilter, now.prefilter) or _lacks(was.final, now.final)


def _optional_now(was: StagePlan, now: StagePlan) -> str | None:
    return "is false now" if was.required and not now.required else None


_MODES = ("live", "mock", "off")


def _each_service(judge: Callable[[Service, Service | None], str | None]) -> Judge:
    """What `judge` says of each service of `probes`."""

    def judged(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
        known = {service.name: service for service in tip.run.probes}
        for service in base.run.probes:
            if message := judge(service, known.get(service.name)):
                place = ("probes", service.name, key[-1])
                yield Loosened(CHECK_UNBOUND, f"{_dotted(place)} {message}", place)

    return judged


def _mode_weaker(was: Service, now: Service | None) -> str | None:
    if now is None:
        return "is gone, with its service"
    weaker = _MODES.index(now.mode) > _MODES.index(was.mode)
    return f"went from {was.mode} to {now.mode}" if weaker else None


def _service_optional(was: Service, now: Service | None) -> str | None:
    return "is false now" if now is not None and was.required and not now.required else None


def _expects_less(was: Service, now: Service | None) -> str | None:
    if now is None:
        return None
    known = {check.name: check for check in now.checks}
    gone = [check.name for check in was.checks if check.name not in known]
    gone += [
        check.name for check in was.checks if check.expect and check.name in known and not known[check.name].expect
    ]
    return f"no longer ask {_listed(gone)}" if gone else None


def _readiness(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    known = {tool.name: tool for tool in tip.run.readiness}
    for tool in base.run.readiness:
        now = known.get(tool.name)
        if now is None or (tool.required and not now.required):
            said = "is not asked" if now is None else "is not required"
            yield Loosened(REQUIREMENT_DROPPED, f"{_dotted(key)}: {tool.name} {said} any more", key)


def _replays(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    for agent in tip.run.agents:
        if agent.replay is not None and base.run.agent(agent.name).replay is None:
            place = ("agents", agent.name, key[-1])
            yield Loosened(ROSTER_REDUCED, f"{agent.name} is answered for by the recordings in {agent.replay}", place)


def _signers_moved(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    was, now = base.settings.evidence.allowed_signers, tip.settings.evidence.allowed_signers
    if was is not None and was != now:
        yield Loosened(SIGNER_ADDED, f"{_dotted(key)} no longer names {was}", key)


def _approvers(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    was, now = base.settings.policy.approvers, tip.settings.policy.approvers
    if now is not None and was != now:
        yield Loosened(SIGNER_ADDED, f"{_dotted(key)} names {now}, whose signers may loosen the policy", key)


def _arbiter(key: YamlPath, base: Configuration, tip: Configuration) -> Iterator[Loosened]:
    was, now = base.run.recovery.arbiter, tip.run.recovery.arbiter
    if now is not None and was is None:
        yield Loosened(THRESHOLD_LOWERED, f"{_dotted(key)}: {now} may settle conflicts now", key)


def _most_tokens(each: Configuration) -> float | None:
    expected = each.run.budget.tokens_per_stage
    return expected[1] if expected else None


NEUTRAL: Judge | None = None
"""Nothing under this key decides what is found: how an agent is called, what a run may take, where it reports to."""
COVERED: Judge | None = None
"""What is looser here shows under another key: variables under `secrets.env`, in whatever section they are named."""

KEYS: Mapping[str, Judge | None] = {
    "version": NEUTRAL,
    "layout.docs": _root(lambda each: each.layout.docs),
    "layout.tracker": _root(lambda each: each.layout.tracker),
    "layout.spec_id": _spec_id,
    "evidence.root": _root(lambda each: each.layout.evidence),
    "evidence.warn_mb": _number(LIMIT_RAISED, lambda each: each.settings.evidence.warn_bytes / MEGABYTE, looser=1),
    "evidence.limit_mb": _number(LIMIT_RAISED, lambda each: each.settings.evidence.limit_bytes / MEGABYTE, looser=1),
    "evidence.keep_runs": _number(THRESHOLD_LOWERED, lambda each: each.settings.evidence.keep_runs, looser=-1),
    "evidence.signature": _order(
        SIGNATURE_WEAKENED, lambda each: each.settings.evidence.signature, ("required", "optional", "off")
    ),
    "evidence.allowed_signers": _signers_moved,
    "evidence.require": _fewer(REQUIREMENT_DROPPED, lambda each: each.settings.evidence.require),
    "tracker.columns": _fewer(REQUIREMENT_DROPPED, lambda each: each.settings.tracker.columns),
    "tracker.statuses": _more(REQUIREMENT_DROPPED, lambda each: each.settings.tracker.statuses),
    "tracker.thread": _thread,
    "tracker.one_in_progress": _order(
        REQUIREMENT_DROPPED, lambda each: each.settings.tracker.one_in_progress, (True, False)
    ),
    "tracker.transitions": _transitions,
    "tracker.evidence_after": _fewer(REQUIREMENT_DROPPED, lambda each: each.settings.tracker.evidence_after),
    "documents.required": _documents,
    "stages.*.agents": _each_stage(_agents_dropped, ROSTER_REDUCED, of_profiles=False),
    "stages.*.checks": _each_stage(_checks_dropped, CHECK_UNBOUND, of_profiles=False),
    "stages.*.policy": _each_stage(_commands_dropped, CHECK_UNBOUND, of_profiles=False),
    "stages.*.timeout": NEUTRAL,
    "stages.*.probes": _each_stage(_probes_dropped, CHECK_UNBOUND, of_profiles=False),
    "stages.*.required": _each_stage(_optional_now, REQUIREMENT_DROPPED, of_profiles=False),
    "agents.*.command": NEUTRAL,
    "agents.*.input": NEUTRAL,
    "agents.*.output": NEUTRAL,
    "agents.*.format": NEUTRAL,
    "agents.*.model": NEUTRAL,
    "agents.*.model_release": NEUTRAL,
    "agents.*.reasoning": NEUTRAL,
    "agents.*.timeout": NEUTRAL,
    "agents.*.env": COVERED,
    "agents.*.replay": _replays,
    "prompts.file": NEUTRAL,
    "prompts.context_bytes": NEUTRAL,
    "prompts.foundation": NEUTRAL,
    "consensus.method": _order(THRESHOLD_LOWERED, lambda each: each.settings.consensus.method, ("ballot", "chain")),
    "consensus.min_agreement": _number(
        THRESHOLD_LOWERED, lambda each: each.settings.consensus.min_agreement, looser=-1
    ),
    "consensus.degraded_below": _number(
        THRESHOLD_LOWERED, lambda each: each.settings.consensus.degraded_below, looser=-1
    ),
    "consensus.retries": NEUTRAL,
    "consensus.backoff": NEUTRAL,
    "consensus.arbiter": _arbiter,
    "consensus.fallback": NEUTRAL,
    "profiles.*.agents.*.command": NEUTRAL,
    "profiles.*.agents.*.input": NEUTRAL,
    "profiles.*.agents.*.output": NEUTRAL,
    "profiles.*.agents.*.format": NEUTRAL,
    "profiles.*.agents.*.model": NEUTRAL,
    "profiles.*.agents.*.model_release": NEUTRAL,
    "profiles.*.agents.*.reasoning": NEUTRAL,
    "profiles.*.agents.*.timeout": NEUTRAL,
    "profiles.*.agents.*.env": NEUTRAL,
    "profiles.*.agents.*.replay": NEUTRAL,  # whoever names the profile names it from outside
    "profiles.*.stages.*.agents": _each_stage(_agents_dropped, ROSTER_REDUCED, of_profiles=True),
    "profiles.*.stages.*.checks": _each_stage(_checks_dropped, CHECK_UNBOUND, of_profiles=True),
    "profiles.*.stages.*.policy": _each_stage(_commands_dropped, CHECK_UNBOUND, of_profiles=True),
    "profiles.*.stages.*.timeout": NEUTRAL,
    "profiles.*.stages.*.probes": _each_stage(_probes_dropped, CHECK_UNBOUND, of_profiles=True),
    "profiles.*.stages.*.required": _each_stage(_optional_now, REQUIREMENT_DROPPED, of_profiles=True),
    "budget.usd": _number(LIMIT_RAISED, lambda each: each.run.budget.usd, looser=1),
    "budget.tokens_per_stage": _number(LIMIT_RAISED, _most_tokens, looser=1),
    "budget.prices.*.input_per_mtok": NEUTRAL,
    "budget.prices.*.output_per_mtok": NEUTRAL,
    "budget.prices.*.version": NEUTRAL,
    "budget.allow_unknown_prices": _order(
        LIMIT_RAISED, lambda each: each.run.budget.allow_unknown_prices, (False, True)
    ),
    "budget.reserve_usd": NEUTRAL,
    "hal.mode": _order(CHECK_UNBOUND, lambda each: each.settings.hal.mode, _MODES),
    "hal.base_url": NEUTRAL,
    "hal.secret_env": COVERED,
    "hal.required": _order(REQUIREMENT_DROPPED, lambda each: each.settings.hal.required, (True, False)),
    "hal.timeout": NEUTRAL,
    "hal.mcp": NEUTRAL,
    "hal.checks": _fewer(CHECK_UNBOUND, lambda each: [check.name for check in each.settings.hal.checks]),
    "probes.*.mode": _each_service(_mode_weaker),
    "probes.*.base_url": NEUTRAL,
    "probes.*.mcp": NEUTRAL,
    "probes.*.secret_env": COVERED,
    "probes.*.required": _each_service(_service_optional),
    "probes.*.timeout": NEUTRAL,
    "probes.*.mock": NEUTRAL,
    "probes.*.checks": _each_service(_expects_less),
    "readiness": _readiness,
    "alerts.file": NEUTRAL,
    "alerts.command": NEUTRAL,
    "alerts.env": NEUTRAL,
    "alerts.webhook": NEUTRAL,
    "alerts.webhook_env": NEUTRAL,
    "alerts.timeout": NEUTRAL,
    "memory.path": NEUTRAL,
    "memory.mcp": NEUTRAL,
    "acceptance.require": _fewer(REQUIREMENT_DROPPED, lambda each: each.settings.acceptance.require),
    "clean_tree.exclude": _more(EXCLUSION_ADDED, lambda each: each.settings.clean_tree.exclude),
    "clean_tree.ignore_submodules": _order(
        EXCLUSION_ADDED,
        lambda each: each.settings.clean_tree.ignore_submodules,
        ("none", "untracked", "dirty", "all"),
    ),
    "secrets.env": _fewer(SECRET_UNNAMED, lambda each: each.settings.secrets.variables),
    "security.require": _security,
    "waivers": _waivers,
    "policy.approvers": _approvers,
    "policy.judge": _order(JUDGE_WEAKENED, lambda each: each.settings.policy.judge, ("both", "base", "tip")),
}
"""By dotted key (`*` for a name that is chosen freely, or a stage): what makes the tip looser than the base."""


# What a change loosens, as findings.


def loosened(context: CheckContext, base: PolicyBase, about: Sequence[str] = ()) -> Iterator[Finding]:
    """What the change makes looser, in the configuration, its hooks and the signers it trusts.

    `about` are sections of the settings and families of rules: where some are given, only what is looser there. What is
    not looser than what is merged is not found.
    """
    snapshot = context.snapshot
    if base.problem is not None:
        yield BASE_UNREADABLE.at(CONFIG_FILE, base.problem, hint=BASE_UNREADABLE.fix)
    files = [(CONFIG_FILE, _configuration if base.problem is None else None), (HOOKS_FILE, _hooks)]
    signers = [path for path in policy_files(base.settings) if path not in (CONFIG_FILE, HOOKS_FILE)]
    for path, compare in (*files, *((path, _signers) for path in signers)):
        now, was = snapshot.read(path), base.snapshot.read(path)
        if compare is None or was == now or (about and path != CONFIG_FILE):
            continue
        found = list(compare(path, snapshot, base.snapshot))
        for other in base.merged if found else ():
            known = {(each.rule, each.key) for each in compare(path, snapshot, other)}
            found = [each for each in found if (each.rule, each.key) in known]
        parsed = _readable(now, path)
        chosen = (each for each in found if not about or _is_about(each, about, snapshot))
        yield from (_at(each, path, parsed) for each in chosen)


def _configuration(path: str, snapshot: Snapshot, base: Snapshot) -> Iterator[Loosened]:
    before, after = _loaded(base, path), _loaded(snapshot, path)
    for name, judge in KEYS.items():
        yield from judge(tuple(name.split(".")), before, after) if judge else ()


def _loaded(snapshot: Snapshot, path: str) -> Configuration:
    loaded = load_for_run(snapshot.read(path), path, {})  # what the environment says holds for both sides
    return Configuration(snapshot, loaded.settings, loaded.run)


def _is_about(found: Loosened, about: Sequence[str], tip: Snapshot) -> bool:
    section = found.key[0]
    if section == "waivers" and isinstance(found.key[-1], int):
        return _loaded(tip, CONFIG_FILE).settings.waivers[found.key[-1]].rule[:3] in about
    return ("layout" if found.key[:2] == ("evidence", "root") else section) in about


def _at(found: Loosened, path: str, parsed: Parsed | None) -> Finding:
    place = parsed.where(found.key) if parsed is not None else None
    line, column = (place.line, place.column) if place else (found.line, None)
    return found.rule.at(path, found.message, line=line, column=column, hint=found.rule.fix)


def _readable(data: bytes | None, path: str) -> Parsed | None:
    try:
        return parse_yaml(data, path) if data is not None and path in (CONFIG_FILE, HOOKS_FILE) else None
    except GuardrailError:
        return None


def _hooks(path: str, snapshot: Snapshot, base: Snapshot) -> Iterator[Loosened]:
    yield from _unbound(bindings(base.read(path)), bindings(snapshot.read(path)))


def _unbound(before: Bindings, after: Bindings) -> Iterator[Loosened]:
    """The checks that a hook of git no longer runs, or makes less of."""
    gone: dict[str, list[str]] = {}
    for stage, check in dict.fromkeys((each.stage, each.check) for each in before.bound):
        was, now = before.least(stage, check), after.least(stage, check)
        assert was is not None
        if now is None:
            gone.setdefault(stage, []).append(check)
        elif more := sorted(now.weakened - was.weakened):
            yield Loosened(CHECK_UNBOUND, f"{check} runs with {', '.join(more)} at {stage} now", now.key)
    for stage, checks in gone.items():
        yield Loosened(CHECK_UNBOUND, f"{_listed(checks)} no longer run at {stage}", ("repos",))
    if after.installed is not None and before.installed is not None:
        for stage in sorted(before.installed - after.installed):
            if any(each.stage == stage for each in before.bound):
                yield Loosened(
                    CHECK_UNBOUND, f"the {stage} hook is not installed any more", ("default_install_hook_types",)
                )


def _signers(path: str, snapshot: Snapshot, base: Snapshot) -> Iterator[Loosened]:
    """The lines that are new; a first file of signers has nobody to replace."""
    was, now = base.read(path), snapshot.read(path)
    if was is None or now is None:
        return
    known = set(was.splitlines())
    for number, line in enumerate(now.splitlines(), 1):
        if line.strip() and not line.startswith(b"#") and line not in known:
            yield Loosened(SIGNER_ADDED, "this signer is new, or not as it was", (number,), number)
