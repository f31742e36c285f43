"""What installing and removing takes, for every state a hooks directory can be in."""

from __future__ import annotations

import pytest

from guardrails.errors import GuardrailError
from guardrails.setup import HookFile, InstalledHook, Keep, Maker, Move, Remove, Write, plan_install, plan_uninstall

SCRIPT = b"#!/bin/sh\n# speckit-hook pre-push\n"
OURS = HookFile("speckit", SCRIPT, True)
OLDER = HookFile("speckit", b"older", True)
LOST_BIT = HookFile("speckit", SCRIPT, False)
FOREIGN = HookFile("other", b"echo mine", True)
ANOTHER = HookFile("other", b"echo another", True)
KEPT = "pre-push.speckit-legacy"


def made_by(maker: Maker, content: bytes = b"x") -> HookFile:
    return HookFile(maker, content, True)


def found(
    hook: HookFile | None = None,
    legacy: HookFile | None = None,
    old: HookFile | None = None,
    kept: HookFile | None = None,
) -> InstalledHook:
    return InstalledHook("pre-push", hook, legacy, old, kept)


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        pytest.param(found(), (Write("pre-push", SCRIPT),), id="nothing there"),
        pytest.param(found(OURS), (), id="ours is current"),
        pytest.param(found(OLDER), (Write("pre-push", SCRIPT),), id="ours is older"),
        pytest.param(found(LOST_BIT), (Write("pre-push", SCRIPT),), id="ours is not executable"),
        pytest.param(found(OURS, kept=FOREIGN), (), id="ours is current and chains another"),
        pytest.param(found(kept=FOREIGN), (Write("pre-push", SCRIPT),), id="only the kept hook is left"),
        pytest.param(found(FOREIGN), (Keep("pre-push", KEPT), Write("pre-push", SCRIPT)), id="a foreign hook is kept"),
        pytest.param(
            found(FOREIGN, kept=FOREIGN),
            (Keep("pre-push", KEPT), Write("pre-push", SCRIPT)),
            id="an interrupted install is taken up again",
        ),
        pytest.param(
            found(made_by("lefthook", b"new"), old=OURS, kept=made_by("lefthook", b"old")),
            (Remove("pre-push.old"), Keep("pre-push", KEPT), Write("pre-push", SCRIPT)),
            id="lefthook had pushed ours away",
        ),
        pytest.param(found(made_by("pre-commit")), (Write("pre-push.legacy", SCRIPT),), id="pre-commit came first"),
        pytest.param(found(made_by("prek")), (Write("pre-push.legacy", SCRIPT),), id="prek came first"),
        pytest.param(found(made_by("pre-commit"), legacy=OURS), (), id="pre-commit came second"),
        pytest.param(
            found(made_by("pre-commit"), legacy=OLDER),
            (Write("pre-push.legacy", SCRIPT),),
            id="ours behind it is older",
        ),
        pytest.param(
            found(made_by("prek"), legacy=FOREIGN),
            (Keep("pre-push.legacy", KEPT), Write("pre-push.legacy", SCRIPT)),
            id="a foreign hook behind prek is kept",
        ),
        pytest.param(found(HookFile("speckit", SCRIPT, True, link=True)), (), id="a link to ours is left alone"),
    ],
)
def test_installing(state: InstalledHook, steps: tuple[object, ...]) -> None:
    assert plan_install(state, SCRIPT).steps == steps


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param(found(FOREIGN, kept=ANOTHER), "two different hooks", id="two foreign hooks"),
        pytest.param(found(made_by("prek"), FOREIGN, kept=ANOTHER), "two different hooks", id="two behind prek"),
        pytest.param(found(made_by("prek"), made_by("pre-commit")), "both installed", id="two frameworks"),
        pytest.param(found(made_by("husky")), "husky", id="a directory that husky rewrites"),
    ],
)
def test_installing_is_refused_where_a_hook_would_be_lost(state: InstalledHook, says: str) -> None:
    with pytest.raises(GuardrailError, match=says) as caught:
        plan_install(state, SCRIPT)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (made_by("lefthook"), "lefthook.yml"),
        (HookFile("other", b"echo", False), "not executable"),
        (made_by("other", b"speckit lint"), "judge twice"),
        (made_by("other", b'name=$(basename "$0")'), "own file name"),
        (made_by("other", b"echo plain"), None),
    ],
)
def test_what_may_surprise_about_a_kept_hook_is_said(hook: HookFile, says: str | None) -> None:
    notes = plan_install(found(hook), SCRIPT).notes
    assert [says in note for note in notes] == [True] if says else not notes


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        pytest.param(found(), (), id="nothing there"),
        pytest.param(found(FOREIGN), (), id="only a foreign hook"),
        pytest.param(found(OURS), (Remove("pre-push"),), id="ours alone"),
        pytest.param(found(OURS, kept=FOREIGN), (Move(KEPT, "pre-push"),), id="ours before another"),
        pytest.param(found(made_by("prek"), OURS), (Remove("pre-push.legacy"),), id="ours behind prek"),
        pytest.param(
            found(made_by("prek"), OURS, kept=FOREIGN), (Move(KEPT, "pre-push.legacy"),), id="another behind prek"
        ),
        pytest.param(
            found(OURS, OURS, kept=FOREIGN),
            (Move(KEPT, "pre-push"), Remove("pre-push.legacy")),
            id="ours in two places",
        ),
        pytest.param(
            found(made_by("lefthook"), old=OURS), (Remove("pre-push.old"),), id="ours pushed away by lefthook"
        ),
        pytest.param(found(kept=FOREIGN), (Move(KEPT, "pre-push"),), id="ours deleted by hand"),
        pytest.param(found(ANOTHER, kept=FOREIGN), (), id="somebody else stands there now"),
        pytest.param(
            found(HookFile("speckit", SCRIPT, True, link=True)), (), id="a link to ours is not ours to remove"
        ),
    ],
)
def test_uninstalling(state: InstalledHook, steps: tuple[object, ...]) -> None:
    assert plan_uninstall(state).steps == steps
