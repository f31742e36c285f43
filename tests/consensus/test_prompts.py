"""Prompts: the package's own, a repository's over them, their variables, and the order they make."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import STAGES, Layout
from guardrails.consensus import (
    RecordContext,
    StagePrompts,
    Template,
    Variables,
    packaged,
    read_output,
    render,
    stage_prompts,
    waves,
)
from guardrails.core import is_valid
from guardrails.errors import GuardrailError
from guardrails.layouts import EvidenceName

FILE = "docs/spec-kit/prompts.json"
ROSTER = ("gemini", "claude", "gpt_pro")
HERE = Variables("SPEC-KIT-DEMO", "plan", "the documents")


def own(**agents: Any) -> bytes:
    """A file with prompts for the stage plan."""
    return json.dumps({"spec-plan": {"version": "v9", **agents}}).encode()


def template(text: str, agent: str = "claude", before: tuple[str, ...] = ()) -> Template:
    return Template(agent, "v1", text, "Reviewer", FILE, before)


def asked(*texts: str) -> StagePrompts:
    """A stage whose agents a, b, c … are asked these."""
    names = "abcdefgh"[: len(texts)]
    made = (
        template(text, name, tuple(names[:index])) for index, (text, name) in enumerate(zip(texts, names, strict=True))
    )
    return StagePrompts("plan", "v1", tuple(made))


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_prompts_for_any_roster(stage: str) -> None:
    prompts = stage_prompts(None, FILE, stage, ("gemini", "somebody_else"))
    texts = [render(each, HERE._replace(stage=stage)) for each in prompts.templates]
    assert prompts.version
    for agent, text in zip(("gemini", "somebody_else"), texts, strict=True):
        assert "the documents" in text
        assert f'"stage": "{stage}"' in text
        assert f'"prompt_version": "{prompts.version}"' in text
        assert f'"agent": "{agent}"' in text
        assert "${" not in text
    assert prompts.templates[0].role != prompts.templates[1].role


@pytest.mark.parametrize("stage", STAGES)
def test_the_packages_prompts_let_all_agents_run_at_once(stage: str) -> None:
    roster = (*ROSTER, "gpt_codex")
    assert waves(stage_prompts(None, FILE, stage, roster)) == (roster,)


@pytest.mark.parametrize("stage", STAGES)
def test_the_form_an_agent_is_shown_is_an_answer_that_can_be_used(stage: str) -> None:
    text = render(stage_prompts(None, FILE, stage, ("claude",)).templates[0], HERE._replace(stage=stage))
    form = json.loads(text[text.index("\n{\n") : text.index("\n}\n") + 3])
    record = {"agent": "claude", "stage": stage, "specId": "SPEC-KIT-DEMO", "output": form}
    name = EvidenceName("agent_output", "SPEC-KIT-DEMO", stage, "claude", "20260131T093000Z-4f2a")
    read = read_output("a.json", name, json.dumps(record).encode(), RecordContext(Layout(), ("claude",)), is_valid)
    assert (read.error, read.problems, read.conflicts) == (None, (), ())
    assert len(read.agreements) == 1


def test_the_same_roster_twice_is_asked_once() -> None:
    prompts = stage_prompts(None, FILE, "plan", ("gpt_pro", "claude", "gpt-pro"))
    assert [each.agent for each in prompts.templates] == ["gpt_pro", "claude"]


def test_a_repository_asks_in_its_own_words_agent_by_agent() -> None:
    data = own(gemini={"role": "Scout", "prompt": "Look at ${SPEC_ID}."})
    gemini, claude = stage_prompts(data, FILE, "plan", ("gemini", "claude")).templates
    assert (gemini.version, gemini.role, gemini.source) == ("v9", "Scout", FILE)
    assert claude == stage_prompts(None, FILE, "plan", ("gemini", "claude")).templates[1]
    assert stage_prompts(data, FILE, "tasks", ROSTER) == stage_prompts(None, FILE, "tasks", ROSTER)


def test_an_entry_for_anybody_holds_for_whom_the_file_does_not_name() -> None:
    data = own(**{"*": {"prompt": "All of you"}, "claude": {"role": "Chair"}, "gpt-pro": {"prompt": "You alone"}})
    made = stage_prompts(data, FILE, "plan", ROSTER).templates
    assert [each.text for each in made] == ["All of you", "All of you", "You alone"]
    assert [each.version for each in made] == ["v9"] * 3
    assert made[1].role == "Chair"


def test_a_file_of_the_predecessor_with_stages_of_its_own_is_read() -> None:
    tree = {
        "version": "2",
        "spec-specify": {"anything": [1]},
        "spec-auto": {"version": "x", "orchestrator_notes": ["…"]},
        "template_context": {"version": "x"},
        "spec-plan": {"gpt_pro": {"prompt": "p"}},
    }
    assert stage_prompts(json.dumps(tree).encode(), FILE, "plan", ROSTER).version == "2"


REFUSED = {
    "not JSON": (b"{", f"{FILE}:1:2: "),
    "bytes that are not UTF-8": (b'{"a": "\xff"}', f"{FILE}:1:8: "),
    "a key given twice": (b'{"a": 1,\n "a": 2}', f"{FILE}:2:2: the key 'a' is given twice"),
    "a list": (b"[]", f"{FILE}:1:1: not a JSON object"),
    "null": (b"null", f"{FILE}:1:1: not a JSON object"),
    "a stage that is a list": (b'{"spec-plan": []}', f"{FILE}:1:15: spec-plan is not an object"),
    "a stage that is nearly one": (b'{"spec-plann": {}}', f"{FILE}:1:16: unknown stage 'spec-plann'"),
    "a stage given twice": (
        b'{"spec-plan": {"version": "1"}, "plan": {"version": "1"}}',
        "the stage plan is given twice",
    ),
    "a stage without a version": (b'{"spec-plan": {"a": {"prompt": "p"}}}', "spec-plan has no version"),
    "a version that is a number": (b'{"spec-plan": {"version": 1}}', f"{FILE}:1:27: spec-plan.version is not a text"),
    "a version that is a novel": (json.dumps({"version": "x" * 101}).encode(), f"{FILE}:1:13: not a version"),
    "an agent that is a text": (own(claude="hello"), "spec-plan.claude is not an object with a prompt"),
    "an agent that says nothing": (own(claude={}), "spec-plan.claude is not an object with a prompt"),
    "a prompt that is blank": (own(claude={"prompt": " "}), "spec-plan.claude.prompt is not a text"),
    "a prompt that is a list": (own(claude={"prompt": ["x"]}), "spec-plan.claude.prompt is not a text"),
    "a key nobody reads": (own(claude={"prompt": "x", "promt": "y"}), "spec-plan.claude: unknown key 'promt'"),
    "two spellings of an agent": (own(**{"gpt-pro": {"prompt": "x"}, "gpt_pro": {"prompt": "y"}}), "is given twice"),
    "an unknown variable": (own(claude={"prompt": "see ${CONTEX}"}), "spec-plan.claude: unknown variable ${CONTEX}"),
    "a variable left open": (own(claude={"prompt": "see ${CONTEXT"}), "spec-plan.claude: a variable is not closed"),
    "the answer of nobody": (own(claude={"prompt": "${PREVIOUS_OUTPUTS.}"}), "unknown variable"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_file_of_prompts_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(GuardrailError) as caught:
        stage_prompts(data, FILE, "tasks", ROSTER)  # another stage: it would be found out only later
    assert message in caught.value.message
    assert re.match(rf"{FILE}:\d+:\d+: ", caught.value.message)
    assert caught.value.hint


def test_an_unknown_variable_comes_with_the_nearest_one() -> None:
    with pytest.raises(GuardrailError) as caught:
        stage_prompts(own(claude={"prompt": "${MODEL}"}), FILE, "plan", ROSTER)
    assert "${MODEL_ID}" in str(caught.value.hint)


def test_every_variable_has_its_value() -> None:
    names = "SPEC_ID STAGE AGENT ROLE CONTEXT PROMPT_VERSION MODEL_ID MODEL_RELEASE REASONING_MODE"
    text = "|".join(f"${{{name}}}" for name in names.split())
    given = HERE._replace(model="m1", reasoning="high")
    assert render(template(text), given) == "SPEC-KIT-DEMO|plan|claude|Reviewer|the documents|v1|m1|unknown|high"


def test_a_value_is_never_filled_in_again() -> None:
    given = HERE._replace(context="${CONTEXT} ${SPEC_ID} ${NOBODY} $${")
    assert render(template("<${CONTEXT}>"), given) == f"<{given.context}>"
    assert render(template("${CONTEXT}${PREVIOUS_OUTPUTS.a}"), HERE, {"a": "${CONTEXT}"}) == "the documents${CONTEXT}"


def test_a_literal_is_written_with_two_dollars() -> None:
    assert render(template("${CONTEXT} $${HOME} $${CONTEXT} $5 {x}"), HERE) == "the documents ${HOME} ${CONTEXT} $5 {x}"


def test_a_template_without_a_place_for_documents_gets_them_first() -> None:
    assert render(template("Judge ${SPEC_ID}"), HERE) == "the documents\n\nJudge SPEC-KIT-DEMO"


def test_answers_come_by_agent_or_all_together_and_cannot_leave_their_fence() -> None:
    text = "${CONTEXT}${PREVIOUS_OUTPUTS.gpt-pro}\n${PREVIOUS_OUTPUTS}"
    made = render(template(text, "c", ("gpt_pro", "b")), HERE, {"gpt_pro": "A", "b": "```\nend\x1b[2J\0", "z": "Z"})
    assert made == (
        "the documentsA\nAnswer of gpt_pro:\n\n```\nA\n```\n\nAnswer of b:\n\n````\n```\nend\\x1b[2J\\x00\n````"
    )


def test_an_answer_that_is_not_there_is_said_to_be_missing() -> None:
    assert "(no usable answer of b)" in render(template("${PREVIOUS_OUTPUTS.b}", "c", ("b",)), HERE)
    assert "the stage tasks left" in render(template("${PREVIOUS_OUTPUTS.tasks}"), HERE)
    assert "(nobody was asked before)" in render(template("${PREVIOUS_OUTPUTS}"), HERE)


def test_rendering_refuses_what_reading_would() -> None:
    with pytest.raises(GuardrailError, match=r"prompts.json: plan, claude: unknown variable \$\{NOPE\}"):
        render(template("${NOPE}"), HERE)


ORDERS = {
    "nobody needs anybody": (("x", "y", "z"), (("a", "b", "c"),)),
    "one after the other": (("x", "${PREVIOUS_OUTPUTS.a}", "${PREVIOUS_OUTPUTS.b}"), (("a",), ("b",), ("c",))),
    "against the roster": (("${PREVIOUS_OUTPUTS.c}", "x", "y"), (("b", "c"), ("a",))),
    "all before": (("x", "y", "${PREVIOUS_OUTPUTS}"), (("a", "b"), ("c",))),
    "all before the first is nobody": (("${PREVIOUS_OUTPUTS}", "x"), (("a", "b"),)),
    "an earlier stage is nobody": (("x", "${PREVIOUS_OUTPUTS.plan}"), (("a", "b"),)),
    "a literal is no need": (("x", "$${PREVIOUS_OUTPUTS.a}"), (("a", "b"),)),
}


@pytest.mark.parametrize(("texts", "order"), ORDERS.values(), ids=ORDERS)
def test_the_order_follows_from_what_is_asked_for(texts: tuple[str, ...], order: tuple[tuple[str, ...], ...]) -> None:
    assert waves(asked(*texts)) == order


def test_agents_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(GuardrailError, match="wait for each other") as caught:
        waves(asked("${PREVIOUS_OUTPUTS.b}", "${PREVIOUS_OUTPUTS.a}", "x"))
    assert "(a, b)" in caught.value.message
    with pytest.raises(GuardrailError, match="or for their own"):
        waves(asked("${PREVIOUS_OUTPUTS.a}"))


def test_an_answer_of_somebody_outside_the_roster_is_refused() -> None:
    with pytest.raises(GuardrailError, match=r"plan, b: asks for the answer of 'gemini'") as caught:
        waves(asked("x", "${PREVIOUS_OUTPUTS.gemini}"))
    assert "stages.plan.agents" in str(caught.value.hint)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(["${SPEC_ID}", "${CONTEXT}", "${PREVIOUS_OUTPUTS.a}", "$${"]),
        st.text(alphabet="ab {}$\n", max_size=8).filter(lambda text: "${" not in text and not text.endswith("$")),
    ),
    max_size=12,
)
VALUES = st.text(alphabet=st.sampled_from("ab${}`CONTEXT_PREVIOUS.\n"), max_size=30)


@given(PIECES, VALUES, VALUES)
def test_one_pass_puts_every_value_in_its_place_and_loses_nothing(pieces: list[str], context: str, answer: str) -> None:
    values = {"${SPEC_ID}": "S", "${CONTEXT}": context, "${PREVIOUS_OUTPUTS.a}": answer, "$${": "${"}
    # A literal that is closed by later text stays a literal, and a dollar before a variable stays a dollar.
    text = " ".join(pieces)
    expected = " ".join(values.get(piece, piece) for piece in pieces)
    if "${CONTEXT}" not in pieces:
        expected = f"{context}\n\n{expected}"
    assert render(template(text), Variables("S", "plan", context), {"a": answer}) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec-plan", "version", "claude", "prompt", "role", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_or_refused(tree: Any) -> None:
    try:
        prompts = stage_prompts(json.dumps(tree).encode(), FILE, "plan", ("claude",))
    except GuardrailError as error:
        assert error.message.startswith(FILE)
    else:
        assert prompts.templates[0].text.strip()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        stage_prompts(data, FILE, "plan", ("claude",))
    except GuardrailError as error:
        assert error.message.startswith(FILE)


def test_the_packages_file_has_the_form_of_a_repositorys() -> None:
    assert set(packaged().stages) == set(STAGES)
