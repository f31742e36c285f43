"""Answers are found in what agents print around them; whatever else they print is a problem and never a failure."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.agents import NOTHING, Usage, read_answer
from guardrails.config import Format
from guardrails.consensus import has_content
from tests.agents.envelopes import claude, codex, gemini

PLAN = {"work": ["schema {first}", 'say "}"'], "consensus": {"agreements": ["x"], "conflicts": []}, "n": 1.5}
TEXT = json.dumps(PLAN, indent=2)
FENCE = f"Here is the plan, as {{asked}}:\n\n```json\n{TEXT}\n```\nAnything else?"
FORMATS = get_args(Format)


@pytest.mark.parametrize(
    "output",
    [
        TEXT,
        "\ufeff" + TEXT,
        f"\n\n{TEXT}\r\n",
        f"Sure! It's this:\n{TEXT}\nHope it helps {{:-}}",
        FENCE,
        FENCE.replace("json", ""),
        FENCE.replace("\n", "\r\n"),
        f'In short {{"draft": 1}}, and then\n{TEXT}',
        f"\x1b[1;32m\x1b]0;title\x07{TEXT[:30]}\x1b[0m{TEXT[30:]}\x1b[K",
        f"function () {{ return [1] }}\n\n{TEXT}",
    ],
    ids=["alone", "BOM", "spaces", "prose", "fence", "unnamed fence", "CRLF", "draft", "ANSI", "code"],
)
def test_an_object_is_found_in_what_stands_around_it(output: str) -> None:
    assert read_answer("json", output.encode()) == (PLAN, None, None, NOTHING)


def test_a_fence_wins_over_a_larger_object_that_was_quoted() -> None:
    quoted = json.dumps({"context": "x" * 2000})
    assert read_answer("json", f"You gave me {quoted}.\n{FENCE}".encode()).value == PLAN


def test_of_several_objects_that_decide_none_is_the_answer() -> None:
    draft, final = '{"decision": {"proceed": true, "because": "a first draft"}}', '{"decision": {"proceed": false}}'
    for output in (f"```json\n{draft}\n```\nOr not:\n```json\n{final}\n```", f"{draft}\nOr not:\n{final}"):
        assert read_answer("json", output.encode()).problem == "there are several objects with a decision in the output"
    assert read_answer("json", f"{final}\nAgain:\n{final}".encode()).problem is None


@pytest.mark.parametrize("inner", [TEXT, FENCE], ids=["plain", "fence"])
def test_envelopes_are_opened_and_their_counts_read(inner: str) -> None:
    assert read_answer("claude-json", claude(inner)) == (PLAN, None, "claude-sonnet", Usage(31916, 71, 0.079, 6341))
    assert read_answer("codex-jsonl", codex(inner)) == (PLAN, None, None, Usage(12632, 81, None, 3456))
    assert read_answer("gemini-json", gemini(inner)) == (PLAN, None, "gemini-pro", Usage(25039, 179, None, 21263, 154))


def test_the_messages_of_a_verbose_claude_end_in_its_result() -> None:
    messages = [{"type": "system", "subtype": "init"}, json.loads(claude(TEXT))]
    assert read_answer("claude-json", json.dumps(messages).encode()).value == PLAN


def test_an_answer_by_schema_needs_no_reading() -> None:
    assert read_answer("claude-json", claude("done", structured_output=PLAN)).value == PLAN


def test_free_text_is_an_answer_with_content() -> None:
    answer = read_answer("text", b"\x1b[31mUse SQLite.\x1b[0m\n")
    assert answer.value == {"text": "Use SQLite."}
    assert has_content({"output": answer.value})
    assert read_answer("text", b" ... \n").problem == "the output says nothing"


@pytest.mark.parametrize(
    ("form", "output", "problem"),
    [
        ("claude-json", claude("API Error: 529", is_error=True), "claude reports an error: API Error: 529"),
        ("claude-json", claude("", subtype="error_max_turns", result=None), "claude reports an error: error_max_turns"),
        ("claude-json", claude(""), "the agent said nothing"),
        ("claude-json", TEXT.encode(), "there is no result object of claude in the output"),
        ("codex-jsonl", codex(TEXT, ended=False), "codex reports an error: Reconnecting... 2/5 (stream closed)"),
        ("codex-jsonl", b'{"type":"turn.failed","error":{"message":"quota"}}', "codex reports an error: quota"),
        ("codex-jsonl", codex(TEXT)[:-20], "line 8: "),
        ("codex-jsonl", b"hello", "codex did not end its turn"),
        ("gemini-json", gemini("", error={"type": "E", "message": "429"}), "gemini reports an error: 429"),
        ("gemini-json", gemini("", response=None), "the agent said nothing"),
        ("gemini-json", TEXT.encode(), "there is no response of gemini in the output"),
    ],
)
def test_what_a_tool_says_went_wrong_is_the_problem(form: Format, output: bytes, problem: str) -> None:
    answer = read_answer(form, output)
    assert answer.value is None
    assert str(answer.problem).startswith(problem)


def test_a_failed_call_has_cost_what_it_says() -> None:
    assert read_answer("claude-json", claude("no", is_error=True)).usage == Usage(31916, 71, 0.079, 6341)
    assert read_answer("gemini-json", gemini("", error={"code": 1})).usage.input_tokens == 25039


@pytest.mark.parametrize(
    "changed",
    [
        {"usage": None, "total_cost_usd": None},
        {"usage": {"input_tokens": 0, "output_tokens": 0}, "total_cost_usd": 0},
        {"usage": {"input_tokens": "12", "output_tokens": True}, "total_cost_usd": -1},
        {"usage": [], "total_cost_usd": "0.1"},
        {"usage": {"input_tokens": -5, "output_tokens": 10**40}, "total_cost_usd": None},
    ],
)
def test_r28_what_is_not_reported_is_not_known_and_never_zero(changed: dict[str, Any]) -> None:
    assert read_answer("claude-json", claude(TEXT, **changed)).usage == NOTHING


def test_tokens_that_cost_nothing_have_no_known_cost() -> None:
    assert read_answer("claude-json", claude(TEXT, total_cost_usd=0)).usage == Usage(31916, 71, None, 6341)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "output",
    [
        b"",
        b" \n",
        b"\x1b[0m",
        b"\xff\xfe{\x00}\x00",
        b"{" * 5_000_000,
        b'{"a":' * 1_000_000,
        b'{"' * 2_000_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"[" * 200 + b"]" * 200,
        b"\x1b]0;" * 500_000,
        b"`" * 2_000_000 + b"x",
        b"```json\n" * 300_000,
        b"{ " * 2_000_000,
    ],
    ids=lambda output: f"{output[:6]!r}x{len(output)}",
)
def test_garbage_is_a_problem_and_no_exception(form: Format, output: bytes) -> None:
    answer = read_answer(form, output)  # in seconds, where reading every part anew would take hours
    assert answer.problem or form == "text"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ('{"a": NaN}', "not JSON: NaN is not a JSON number"),
        ('It is {"a": NaN}.', "not JSON: NaN"),
        ("[]", "a JSON object was expected, not an array"),
        ('[{"a": 1}, {"b": 2}]', "a JSON object was expected, not an array"),
        ('So: [{"a": 1}, {"b": 2}]', "there is no JSON object in the output"),
        ("null", "a JSON object was expected, not null"),
        ("{}", "the object is empty"),
        ("no", "there is no JSON object in the output"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested more than 64 levels deep"),
    ],
)
def test_what_is_not_one_strict_object_is_refused(output: str, problem: str) -> None:
    answer = read_answer("json", output.encode())
    assert answer.value is None
    assert str(answer.problem).startswith(problem)


def test_nothing_from_inside_a_broken_object_is_taken_for_the_answer() -> None:
    inner = '{"agreements": ["all"], "conflicts": []}'
    for broken in (f'{{"a":{inner}, "conflicts": ["x', f'{{"a": 1,, "b": {inner}, "conflicts": ["x"]}}'):
        for output in (broken, f"Result: {broken}", f"```json\n{broken}\n```"):
            assert read_answer("json", output.encode()).value is None, output


objects = st.dictionaries(
    st.text(max_size=5), st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(), st.lists), min_size=1
)


@given(objects, st.sampled_from([claude, codex, gemini]), st.booleans())
@pytest.mark.tier2
def test_every_object_comes_out_of_every_envelope(value: dict[str, Any], wrap: Any, fenced: bool) -> None:
    text = json.dumps(value, ensure_ascii=fenced)
    form = {claude: "claude-json", codex: "codex-jsonl", gemini: "gemini-json"}[wrap]
    assert read_answer(form, wrap(f"Well:\n```json\n{text}\n```" if fenced else text)).value == value  # type: ignore[arg-type]


@given(objects, st.integers(1, 10_000))
def test_an_answer_that_breaks_off_is_never_an_answer(value: dict[str, Any], cut: int) -> None:
    text = json.dumps({"inner": value, "rest": [value]})
    kept = text[: len(text) - 1 - cut % (len(text) - 1)]
    assert read_answer("json", kept.encode()).value is None
    assert read_answer("json", b"Here: " + kept.encode()).value is None


@given(st.sampled_from(FORMATS), st.binary())
def test_any_bytes_give_an_answer_or_a_problem(form: Format, data: bytes) -> None:
    answer = read_answer(form, data)
    assert (answer.value is None) != (answer.problem is None)


SCRAPS = ['"', "{", "}", "[", "]", ":", ",", "\\", "\n", "```", "json", "a", " ", "\x1b[", "\x1b]", "\x07", "1", "NaN"]


@given(st.sampled_from(FORMATS), st.lists(st.sampled_from([*SCRAPS, TEXT, claude(TEXT).decode()]), max_size=40))
def test_any_scraps_of_the_grammar_give_an_answer_or_a_problem(form: Format, scraps: list[str]) -> None:
    answer = read_answer(form, "".join(scraps).encode())
    assert (answer.value is None) != (answer.problem is None)
