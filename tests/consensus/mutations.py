"""Ways to spoil a bundle that is ok. After each of them the verdict must not be ok."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.consensus.builder import STYLES, Bundle, Document, Files, edit, put, render, without

Mutation = Callable[[Bundle, Files], Files]
CALLED = ("conflict", "Conflicts", "unresolved_conflicts", "objections", "disagreements", "dissent")


def _output(bundle: Bundle) -> str:
    return bundle.path(bundle.roster[0])


def _set(**members: Any) -> Mutation:
    """Replace members of the first agent's output."""
    return lambda bundle, files: put(files, _output(bundle), **members)


def _unset(member: str) -> Mutation:
    return lambda bundle, files: edit(files, _output(bundle), lambda value: value.pop(member))


def _in_record(tail: str, **members: Any) -> Mutation:
    return lambda bundle, files: put(files, bundle.path(tail), **members)


def other_stage(bundle: Bundle) -> str:
    return "audit" if bundle.stage != "audit" else "plan"


def drop(bundle: Bundle, files: Files) -> Files:
    return without(files, _output(bundle))


def drop_all(bundle: Bundle, files: Files) -> Files:
    return without(files, *map(bundle.path, bundle.roster))


def placeholder_deep_inside(bundle: Bundle, files: Files) -> Files:
    return put(files, _output(bundle), output={"notes": [{"why": "see ${PREVIOUS_OUTPUTS.gemini} for more"}]})


def placeholder_as_a_key(bundle: Bundle, files: Files) -> Files:
    return put(files, _output(bundle), output={"${topic}": "x"})


def placeholder_in_escapes(bundle: Bundle, files: Files) -> Files:
    changed = put(files, _output(bundle), output="it says MARK here")
    return {**changed, _output(bundle): changed[_output(bundle)].replace(b"MARK", b"\\u0024\\u007bstage\\u007D")}


def truncate(bundle: Bundle, files: Files) -> Files:
    return {**files, _output(bundle): files[_output(bundle)][:-20]}


def _contents(data: bytes) -> Mutation:
    return lambda bundle, files: {**files, _output(bundle): data}


def in_another_encoding(bundle: Bundle, files: Files) -> Files:
    return {**files, _output(bundle): files[_output(bundle)].decode().encode("utf-16")}


def conflicts_given_twice(bundle: Bundle, files: Files) -> Files:
    """Readers that take the last member see no conflict, readers that take the first do."""
    data = files[_output(bundle)].replace(b'"consensus": {', b'"consensus": {"conflicts": ["storage"],', 1)
    return {**files, _output(bundle): data}


def copy_over_another_agent(bundle: Bundle, files: Files) -> Files:
    return {**files, bundle.path(bundle.roster[1]): files[_output(bundle)]}


def copy_beside_itself(bundle: Bundle, files: Files) -> Files:
    """The same bytes under a name that nobody waits for."""
    return {**files, bundle.path(bundle.roster[0] + "-2"): files[_output(bundle)]}


def copy_in_another_style(bundle: Bundle, files: Files) -> Files:
    """The same bytes under the same session, stamped in another style."""
    style = STYLES[0] if bundle.style != STYLES[0] else STYLES[1]
    return {**files, bundle._replace(style=style).path(bundle.roster[0]): files[_output(bundle)]}


def second_answer_in_another_style(bundle: Bundle, files: Files) -> Files:
    style = STYLES[2] if bundle.style != STYLES[2] else STYLES[1]
    name = bundle._replace(style=style).path(bundle.roster[0])
    return put({**files, name: files[_output(bundle)]}, name, output="something else")


def answer_of_another_agent_inside(bundle: Bundle, files: Files) -> Files:
    other = json.loads(files[bundle.path(bundle.roster[1])])["output"]
    return put(files, _output(bundle), output=other)


def add_conflict_to_output(bundle: Bundle, files: Files) -> Files:
    return edit(files, _output(bundle), lambda value: value["consensus"]["conflicts"].append({"issue": "scope"}))


def add_conflict_inside_the_answer(bundle: Bundle, files: Files) -> Files:
    answer = {"final_plan": {"text": "x", "consensus": {"conflicts": ["scope"]}}}
    return put(files, _output(bundle), output=answer)


def add_conflict_to_synthesis(bundle: Bundle, files: Files) -> Files:
    return edit(files, bundle.path("synthesis"), lambda value: value["conflicts"].append("scope"))


def conflict_an_agent_calls_resolved(bundle: Bundle, files: Files) -> Files:
    said = {"issue": "scope", "status": "resolved", "resolution": "we agreed on the smaller one"}
    return edit(files, _output(bundle), lambda value: value["consensus"]["conflicts"].append(said))


def _stated_as(key: str) -> Mutation:
    return lambda bundle, files: edit(files, _output(bundle), lambda value: value["consensus"].update({key: ["scope"]}))


def state_nothing(bundle: Bundle, files: Files) -> Files:
    for agent in bundle.roster:
        files = put(files, bundle.path(agent), consensus={"agreements": [], "conflicts": ["None"]})
    return files


def edit_spec(bundle: Bundle, files: Files) -> Files:
    return {**files, bundle.spec_md: files[bundle.spec_md] + b"One more requirement.\n"}


def delete_spec(bundle: Bundle, files: Files) -> Files:
    return without(files, bundle.spec_md)


def edit_planning(bundle: Bundle, files: Files) -> Files:
    return {**files, "PLANNING.md": b"# Another plan\n"}


def spec_that_was_no_input(bundle: Bundle, files: Files) -> Files:
    """The SPEC has documents, and the outputs were made from others only."""
    for agent in bundle.roster:
        files = edit(files, bundle.path(agent), lambda value: value["inputs"].pop(1))
    return files


def other_input_digest(bundle: Bundle, files: Files) -> Files:
    return edit(files, _output(bundle), lambda value: value["inputs"][0].update(sha256="0" * 64))


def input_outside_the_repository(bundle: Bundle, files: Files) -> Files:
    def change(value: Document) -> None:
        value["inputs"].append({"path": "../../etc/hostname", "sha256": "0" * 64})

    return edit(files, _output(bundle), change)


def a_later_session_in(style: str) -> Mutation:
    """A newer session with a conflict. In the next day's small hours, so that its stamp doesn't just look larger."""

    def mutate(bundle: Bundle, files: Files) -> Files:
        later = bundle._replace(moment=bundle.moment + timedelta(seconds=1), style=style, session="0b1c")
        return {**files, **add_conflict_to_output(later, later.files)}

    return mutate


def later_metrics_only(bundle: Bundle, files: Files) -> Files:
    later = bundle._replace(moment=bundle.moment + timedelta(hours=1), session="77aa")
    return {**files, later.path("claude_metrics"): b"{}"}


def dated_ahead_of_time(bundle: Bundle, files: Files) -> Files:
    return {**files, **bundle._replace(moment=bundle.moment.replace(year=2199, day=min(bundle.moment.day, 28))).files}


def _ballot(bundle: Bundle, agent: int = 0) -> str:
    return bundle.path(f"{bundle.roster[agent]}_ballot")


def drop_ballot(bundle: Bundle, files: Files) -> Files:
    return without(files, _ballot(bundle))


def drop_ballots(bundle: Bundle, files: Files) -> Files:
    return without(files, *(bundle.path(f"{agent}_ballot") for agent in bundle.roster))


def drop_agent(bundle: Bundle, files: Files) -> Files:
    return without(files, _output(bundle), _ballot(bundle))


def vote(word: str) -> Mutation:
    return lambda bundle, files: edit(files, _ballot(bundle), lambda value: value["ballot"][0].update(vote=word))


def half_a_ballot(bundle: Bundle, files: Files) -> Files:
    return edit(files, _ballot(bundle), lambda value: value["ballot"].pop())


def a_vote_twice(bundle: Bundle, files: Files) -> Files:
    return edit(files, _ballot(bundle), lambda value: value["ballot"].append(value["ballot"][0]))


def ballot_of_another(bundle: Bundle, files: Files) -> Files:
    return {**files, _ballot(bundle): files[_ballot(bundle, 1)]}


def other_statements(bundle: Bundle, files: Files) -> Files:
    return edit(files, _ballot(bundle), lambda value: value["statements"][0].update(text="another statement"))


def fewer_statements(bundle: Bundle, files: Files) -> Files:
    def change(value: Document) -> None:
        value["statements"], value["ballot"] = value["statements"][:-1], value["ballot"][:-1]

    return edit(files, _ballot(bundle), change)


def hold(bundle: Bundle, files: Files) -> Files:
    return edit(files, _output(bundle), lambda value: value["output"].update(decision={"proceed": False}))


def stated_since(bundle: Bundle, files: Files) -> Files:
    return edit(files, _output(bundle), lambda value: value["consensus"]["agreements"].append("stated since the vote"))


OF_BALLOT: dict[str, Mutation] = {
    "a ballot is dropped": drop_ballot,
    "all ballots are dropped": drop_ballots,
    "an agent is dropped with its ballot": drop_agent,
    "a vote is against": vote("disagree"),
    "a vote is an abstention": vote("abstain"),
    "a vote is no vote": vote("yes"),
    "a statement has no vote": half_a_ballot,
    "a statement has two votes": a_vote_twice,
    "a ballot is another agent's": ballot_of_another,
    "a ballot is on other statements": other_statements,
    "a ballot leaves a statement out": fewer_statements,
    "an answer holds": hold,
    "an answer states more than was voted on": stated_since,
}
MUTATIONS: dict[str, Mutation] = {
    **OF_BALLOT,
    "an agent is dropped": drop,
    "all agents are dropped": drop_all,
    "an agent failed": _set(error="agent execution failed", status="error"),
    "an agent failed but says ok": _set(error="agent execution failed"),
    "an agent's status is flipped": _set(status="error"),
    "an agent's command failed": _set(exit_code=1),
    "an agent's answer is an error": _set(output={"error": {"message": "rate limit"}, "text": "sorry"}),
    "an answer is an empty object": _set(output={}),
    "an answer is an empty text": _set(output=" \n"),
    "an answer only says whose it is": _set(output={"agent": "gemini", "stage": "plan", "notes": ["", None, True]}),
    "a file is empty": _contents(b""),
    "a file is null": _contents(b"null"),
    "a file is a list": _contents(b"[]"),
    "a file is an empty object": _contents(b"{}"),
    "a file is not UTF-8": _contents(b'{"agent": "\xff\xfe"}'),
    "a file is in UTF-16": in_another_encoding,
    "a file is truncated": truncate,
    "a file gives a key twice": conflicts_given_twice,
    "another SPEC is named": _set(specId="SPEC-OTHER-1"),
    "a SPEC with one more letter is named": lambda bundle, files: put(files, _output(bundle), specId=bundle.spec + "R"),
    "another SPEC is named inside": _set(output={"spec_id": "SPEC-OTHER-1", "text": "x"}),
    "another stage is named": lambda bundle, files: put(files, _output(bundle), stage=other_stage(bundle)),
    "another session is named": _set(session="20250101T000000Z-beef"),
    "another agent signed": lambda bundle, files: put(files, _output(bundle), agent=bundle.roster[1]),
    "another prompt version was used": _set(prompt_version="20990101-plan-z"),
    "another prompt was used": _set(prompt_sha256="f" * 64),
    "no prompt version is recorded": _unset("prompt_version"),
    "no prompt digest is recorded": _unset("prompt_sha256"),
    "no inputs are recorded": _set(inputs=[]),
    "the inputs are garbage": _set(inputs={"spec.md": 1}),
    "another input was used": other_input_digest,
    "an input lies outside the repository": input_outside_the_repository,
    "a placeholder is unresolved": placeholder_deep_inside,
    "a placeholder is a key": placeholder_as_a_key,
    "a placeholder is written in escapes": placeholder_in_escapes,
    "an output stands for another agent too": copy_over_another_agent,
    "an output stands twice": copy_beside_itself,
    "an output stands twice in two styles": copy_in_another_style,
    "an agent answered twice": second_answer_in_another_style,
    "an answer is another agent's": answer_of_another_agent_inside,
    "a conflict is added to an output": add_conflict_to_output,
    "a conflict is added inside an answer": add_conflict_inside_the_answer,
    "a conflict is added to the synthesis": add_conflict_to_synthesis,
    "an agent calls its conflict resolved": conflict_an_agent_calls_resolved,
    "nobody states anything": state_nothing,
    "an answer says that it failed": _set(output={"status": "failed", "notes": ["x"]}),
    **{f"a conflict is stated as {key}": _stated_as(key) for key in CALLED},
    "a conflict is stated deep inside an answer": _set(output={"plan": {"conflicts": ["scope"]}}),
    "the synthesis says conflict": _in_record("synthesis", status="conflict", conflicts=["scope"]),
    "the synthesis says degraded": _in_record("synthesis", status="degraded"),
    "the synthesis says hold": _in_record("synthesis", status="hold"),
    "the synthesis names a missing agent": _in_record("synthesis", missing=[{"agent": "x", "reason": "late"}]),
    "the synthesis is of another SPEC": _in_record("synthesis", specId="SPEC-OTHER-1"),
    "the synthesis is of another roster": _in_record("synthesis", roster=["somebody"]),
    "the synthesis holds a placeholder": _in_record("synthesis", note="${stage}"),
    "the synthesis lacks its outputs": _in_record("synthesis", outputs=None),
    "the synthesis is gone": lambda bundle, files: without(files, bundle.path("synthesis")),
    "the synthesis is garbage": lambda bundle, files: {**files, bundle.path("synthesis"): render([])},
    "spec.md is edited": edit_spec,
    "spec.md is deleted": delete_spec,
    "another input is edited": edit_planning,
    "spec.md was no input": spec_that_was_no_input,
    "only metrics of a later session are left": later_metrics_only,
    "a session is dated in the future": dated_ahead_of_time,
    **{f"a later conflict is stamped like {style}": a_later_session_in(style) for style in STYLES},
}

OF_VERDICT: dict[str, Mutation] = {
    "the verdict says conflict": _in_record("verdict", verdict="conflict"),
    "the verdict says degraded": _in_record("verdict", verdict="degraded"),
    "the verdict says undecided": _in_record("verdict", verdict="undecided"),
    "the verdict is of another stage": lambda bundle, files: put(
        files, bundle.path("verdict"), stage=other_stage(bundle)
    ),
    "the verdict is about other inputs": _in_record("verdict", inputs=[{"path": "README.md", "sha256": "0" * 64}]),
    "the verdict is about another synthesis": _in_record("verdict", synthesis={"path": "x", "sha256": "0" * 64}),
    "the verdict is garbage": lambda bundle, files: {**files, bundle.path("verdict"): b"{"},
}


def drop_resolution(bundle: Bundle, files: Files) -> Files:
    return {path: data for path, data in files.items() if not path.endswith("_resolution.json")}


def _resolution(**members: Any) -> Mutation:
    def mutate(bundle: Bundle, files: Files) -> Files:
        return {**drop_resolution(bundle, files), **bundle.resolution(bundle.settled[0], **members)}

    return mutate


def conflict_removed_from_synthesis(bundle: Bundle, files: Files) -> Files:
    return put(files, bundle.path("synthesis"), conflicts=[], status="ok")


def resolution_of_an_older_session(bundle: Bundle, files: Files) -> Files:
    older = bundle._replace(moment=bundle.moment - timedelta(days=1), session="00aa")
    return {**drop_resolution(bundle, files), **older.files}


OF_SETTLED: dict[str, Mutation] = {
    "the resolution is gone": drop_resolution,
    "the resolution gives no reason": _resolution(because=" "),
    "the resolution lacks a reason": _resolution(because=None),
    "the resolution is nobody's": _resolution(by=""),
    "the resolution has no date": _resolution(timestamp="soon"),
    "the resolution names no conflict": _resolution(conflict=None, text=None),
    "the resolution names another conflict": _resolution(conflict="0" * 12, text=None),
    "the resolution contradicts itself": _resolution(conflict="0" * 12),
    "the resolution is of another SPEC": _resolution(specId="SPEC-OTHER-1"),
    "the resolution is of another stage": lambda bundle, files: _resolution(stage=other_stage(bundle))(bundle, files),
    "the resolution holds a placeholder": _resolution(because="${REASON}"),
    "the resolution is of an older session": resolution_of_an_older_session,
    "the conflict is removed from the synthesis only": conflict_removed_from_synthesis,
}
