"""What is signed of a consensus session: an in-toto Statement v1 over all of its files, in a DSSE envelope. Pure.

The statement says nothing that the files don't: whoever verifies it computes it anew from them and compares the bytes.
See https://github.com/in-toto/attestation (spec/v1/statement.md) and https://github.com/secure-systems-lab/dsse.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from guardrails.config.layout import Layout
from guardrails.core.strict_json import JsonFlaw, parse_json, record_bytes
from guardrails.layouts.evidence_names import evidence_name

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:speckit-guardrails:session/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_ANSWERS = ("agent_output", "ballot")
_DECISIONS = ("verdict", "resolution", "telemetry")
"""Kinds of record that say most of a session, the best first."""
_VERDICT = ("verdict", "severe", "participation", "agreement")


def authenticated_bytes(payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding, so that the type is signed, too."""
    kind = PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


class Envelope(NamedTuple):
    """A signed statement: its bytes, the signature over them (without armor), and the fingerprint of the key."""

    payload: bytes
    signature: bytes
    fingerprint: str

    @property
    def document(self) -> dict[str, Any]:
        """The envelope in the form of its schema."""
        signature = {"keyid": self.fingerprint, "sig": _base64(self.signature)}
        return {"payloadType": PAYLOAD_TYPE, "payload": _base64(self.payload), "signatures": [signature]}


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def read_envelope(data: bytes) -> Envelope | str:
    """The envelope of an attestation, or why it is none. Only the bytes that we write ourselves are read: what could
    be said in two ways could be changed without anybody noticing."""
    try:
        document = parse_json(data)
        [signature] = document["signatures"]
        envelope = Envelope(b64decode(document["payload"]), b64decode(signature["sig"]), signature["keyid"])
    except JsonFlaw as flaw:
        return flaw.message
    except (KeyError, TypeError, ValueError):
        return "not a DSSE envelope with one signature"
    if not isinstance(envelope.fingerprint, str) or record_bytes(envelope.document) != data:
        return "not the envelope of an in-toto statement, as it is written here"
    return envelope


class AttestedSession(NamedTuple):
    """What a statement is about. `session` is the time stamp in the names of its files; `digests` has the SHA-256 of
    each file by its path."""

    spec: str
    stage: str
    session: str
    digests: Mapping[str, str]


Read = Callable[[str], bytes | None]
"""The content of a file; None where it cannot be read."""


def session_statement(layout: Layout, files: AttestedSession, read: Read) -> dict[str, Any]:
    """The statement about a session. What it says beside the digests is what the files of the session say: its verdict
    of the roster, the prompts, the inputs and the outcome, its answers of who was replayed."""
    documents = {path: document for path in sorted(files.digests) if (document := _document(read(path))) is not None}
    kinds = {path: name.kind for path in documents if (name := evidence_name(layout, path)) is not None}
    decision = next((documents[path] for kind in _DECISIONS for path in kinds if kinds[path] == kind), {})
    replayed = {
        document.get("agent")
        for path, document in documents.items()
        if kinds.get(path) in _ANSWERS and document.get("replayed") is True
    }
    return {
        "_type": STATEMENT,
        "subject": [{"name": path, "digest": {"sha256": files.digests[path]}} for path in sorted(files.digests)],
        "predicateType": PREDICATE,
        "predicate": {
            "specId": files.spec,
            "stage": files.stage,
            "session": files.session,
            "run": decision.get("run"),
            "roster": decision.get("roster", []),
            "method": decision.get("method"),
            "prompts": decision.get("prompts", []),
            "configSha256": decision.get("config_sha256"),
            "inputs": decision.get("inputs", []),
            "replayed": sorted(agent for agent in replayed if isinstance(agent, str)),
            "verdict": {name: decision.get(name) for name in _VERDICT} if "verdict" in decision else None,
        },
    }


def _document(data: bytes | None) -> dict[str, Any] | None:
    try:
        value = parse_json(data or b"")
    except JsonFlaw:
        return None
    return value if isinstance(value, dict) else None


def subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    """The files a statement lists, with their digests; nothing for a list that is no list of files."""
    try:
        listed = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    except (KeyError, TypeError):
        return {}
    return listed if all(isinstance(text, str) for row in listed.items() for text in row) else {}
