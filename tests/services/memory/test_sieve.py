from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from guardrails.errors import GuardrailError
from guardrails.secrets import Redactor
from guardrails.services.memory import MemorySource, refuse_secrets, without_secrets
from tests.services.memory.makers import KEY, SECRET, TOKEN, found, note, store_in

CLEAN = Redactor(("KEY",), {"KEY": SECRET})
ANTHROPIC = "sk-" + "ant-" + "abcdefghij0123456789" + "TAILTAILTAIL"
FORMS = {
    "plain": SECRET,
    "upper case": SECRET.upper(),
    "base64": b64encode(SECRET.encode()).decode(),
    "hexadecimal": SECRET.encode().hex(),
    "wrapped base64": "\n".join(b64encode(SECRET.encode() * 4).decode()[at : at + 16] for at in range(0, 80, 16)),
    "a known token": TOKEN,
    "a token longer than its pattern": ANTHROPIC,
    "a private key": KEY,
    "a private key without its end": KEY.partition("\n-----END")[0],
}


@pytest.mark.parametrize("secret", FORMS.values(), ids=FORMS.keys())
class TestSecrets:
    def test_the_lines_that_hold_it_are_withheld(self, secret: str) -> None:
        text = CLEAN.lines(f"before\nfirst {secret} last")
        assert text.startswith("before\n[secret] ")
        for part in (*secret.split("\n"), "TAIL"):
            assert part not in text

    def test_the_command_line_refuses_it_and_shows_nothing_of_it(self, secret: str) -> None:
        with pytest.raises(GuardrailError, match="line 2, column") as raised:
            refuse_secrets(CLEAN, "the text", f"before\n{secret}")
        assert not any(part in f"{raised.value.message}{raised.value.hint}" for part in secret.split("\n"))

    def test_the_database_never_holds_it(self, secret: str, tmp_path: Path) -> None:
        store = store_in(tmp_path, clean=CLEAN)
        source = MemorySource(f"docs/{SECRET}.json", "0a" * 32)
        store.add([note(f"before\n{secret}\nafter", "stage:plan", f"topic:{SECRET}", source=source)])
        data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        for part in (*secret.split("\n"), SECRET):
            assert part.encode() not in data
        assert SECRET.encode().hex().encode() not in data
        assert found(store, "before stage:plan")


def test_what_follows_a_secret_stays() -> None:
    text = CLEAN.lines(f"a\n{KEY}\nb\nkey {SECRET}\nc")
    assert text.split("\n") == ["a", "[secret] Private Key", "b", "[secret] KEY (plain)", "c"]


def test_two_on_a_line_are_one_note() -> None:
    assert CLEAN.lines(f"{SECRET} {TOKEN}").count("[secret]") == 1


def test_a_long_value_that_is_cut_off_takes_the_rest_with_it() -> None:
    value = "\n".join(f"line {number} of a long value" for number in range(200))
    text = Redactor(("KEY",), {"KEY": value}).lines(f"a\n{value}\nz")
    assert text == "a\n[secret] KEY (plain)"


def test_too_many_are_withheld_altogether() -> None:
    assert CLEAN.lines(f"{SECRET}\n" * 3000) == "[secret]"


def test_what_holds_none_is_left_as_it_is() -> None:
    item = note("ordinary words\n\n  indented\n", "stage:plan")
    assert without_secrets(item, CLEAN) is item
