"""Setting a repository up: native hooks, a first configuration, a look at what is missing."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    canary="CANARIES REASONS",
    detect="Detected StageEvidence describe detect_layout search",
    diagnosis="DoctorRow",
    doctor="LIBRARIES exit_code",
    hook_files="HookFile InstalledHook KEPT Maker NAMES baked_command maker_of",
    install="Keep Move Remove Write plan_install plan_uninstall",
    manifest="HOOKS Hook fields guard_entry",
    precommit="TYPES_KEY amend entry new_file stages_of",
    sample="SPEC",
)
