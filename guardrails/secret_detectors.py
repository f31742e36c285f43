"""The detectors of known tokens and keys, and what every token of each must contain.

Importing detect-secrets takes longer than judging most commits. So each of its detectors has a gate here: a pattern
that everything the detector finds must contain. Only what passes a gate is shown to the detector itself, which
decides. A gate may let too much through, never too little; a test holds that against the detectors' own patterns.
Detectors without a plugin are ours, for what agents carry and detect-secrets does not know: their pattern decides.

Every pattern is linear: what may repeat is delimited by what it cannot contain.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Detector(NamedTuple):
    """`name` is shown. `plugin` is (module, class) in detect_secrets.plugins, or None when `pattern` decides.

    `pattern` is searched where one of `literals` occurs (anywhere when there are none), in lower-cased text if
    `folded`. Each literal of a folded detector is lower-case.
    """

    name: str
    plugin: tuple[str, str] | None
    pattern: bytes
    literals: tuple[bytes, ...] = ()
    folded: bool = False


# Before a value in an assignment: an optional quote and bracket, blanks and one of = : := => ::, or blanks alone.
_ASSIGN = rb"[\"']?\]?[ =:>]+[\"']?"
_KEYWORD = rb"(?:key|pwd|pass(?:word)?|token)"
_URL_PART = rb"[^:/?#\[\]@!$&'()*+,;=\s]+"
_HOST = rb"[\w\x80-\xff-]+"

PRIVATE_KEY = "Private Key"
URL_PASSWORD = "Basic Auth Credentials"  # noqa: S105 (a name)
JSON_WEB_TOKEN = "JSON Web Token"  # noqa: S105 (a name)
OPENAI = "OpenAI Token"

FOREIGN = (
    Detector(
        "Artifactory Credentials",
        ("artifactory", "ArtifactoryDetector"),
        rb'(?<![^\x00-\x20=:"\x80-\xff])A(?:KC[a-zA-Z0-9]{10,}|P[0-9A-F][a-zA-Z0-9]{8,})(?![^\x00-\x20"\x80-\xff])',
        (b"AKC", b"AP"),
    ),
    Detector(
        "AWS Access Key",
        ("aws", "AWSKeyDetector"),
        rb"A(?:3T[A-Z0-9]|BIA|CCA|KIA|SIA)[0-9A-Z]{16}",
        (b"A3T", b"ABIA", b"ACCA", b"AKIA", b"ASIA"),
    ),
    Detector(
        "AWS Access Key",
        ("aws", "AWSKeyDetector"),
        rb"aws.{0,80}?(?:key|pwd?|pass|token).{0,80}?['\"][0-9a-z/+]{40}['\"]",
        (b"aws",),
        folded=True,
    ),
    Detector(
        "Azure Storage Account access key",
        ("azure_storage_key", "AzureStorageKeyDetector"),
        rb"AccountKey=[a-zA-Z0-9+/=]{88}",
        (b"AccountKey=",),
    ),
    Detector(
        "Cloudant Credentials",
        ("cloudant", "CloudantDetector"),
        rb"cl(?:ou(?:dant)?)?[_-]?(?:api)?(?:pw|" + _KEYWORD + rb")" + _ASSIGN + rb"(?:[0-9a-f]{64}|[a-z]{24})",
        folded=True,
    ),
    Detector(
        "Cloudant Credentials",
        ("cloudant", "CloudantDetector"),
        rb"://" + _HOST + rb":(?:[0-9a-f]{64}|[a-z]{24})@" + _HOST + rb"\.cloudant\.com",
        (b".cloudant.com",),
        folded=True,
    ),
    Detector(
        "Discord Bot Token",
        ("discord", "DiscordBotTokenDetector"),
        rb"[MNO][a-zA-Z\d_-]{23,25}\.[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27}",
    ),
    Detector(
        "GitHub Token",
        ("github_token", "GitHubTokenDetector"),
        rb"gh[opsru]_[A-Za-z0-9_]{36}",
        (b"gho_", b"ghp_", b"ghs_", b"ghr_", b"ghu_"),
    ),
    Detector(
        "GitLab Token",
        ("gitlab_token", "GitLabTokenDetector"),
        rb"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-[A-Za-z0-9_-]{20}",
    ),
    Detector(
        "GitLab Token",
        ("gitlab_token", "GitLabTokenDetector"),
        rb"GR1348941[A-Za-z0-9_-]{20}",
        (b"GR1348941",),
    ),
    Detector(
        "IBM Cloud IAM Key",
        ("ibm_cloud_iam", "IbmCloudIamDetector"),
        _KEYWORD + _ASSIGN + rb"[a-z0-9_-]{44}(?![a-z0-9_-])",
        folded=True,
    ),
    Detector(
        "IBM COS HMAC Credentials",
        ("ibm_cos_hmac", "IbmCosHmacDetector"),
        rb"secret[-_]?(?:access)?[-_]?key" + _ASSIGN + rb"[a-f0-9]{48}(?![a-f0-9])",
        folded=True,
    ),
    Detector(JSON_WEB_TOKEN, ("jwt", "JwtTokenDetector"), rb"[A-Za-z0-9_=-]*", (b"eyJ",)),
    Detector(
        "Mailchimp Access Key",
        ("mailchimp", "MailchimpDetector"),
        rb"-us[0-9](?<=[0-9a-z]{32}-us[0-9])",
        (b"-us",),
    ),
    Detector(
        "NPM tokens",
        ("npm", "NpmDetector"),
        rb"/:_authToken=\s*(?:npm_.|[A-Fa-f0-9-]{36})",
        (b"/:_authToken=",),
    ),
    Detector(OPENAI, ("openai", "OpenAIDetector"), rb"[A-Za-z0-9_-]*", (b"T3BlbkFJ",)),
    Detector(
        PRIVATE_KEY,
        ("private_key", "PrivateKeyDetector"),
        rb"BEGIN (?:(?:DSA|EC|OPENSSH|PGP|RSA|SSH2 ENCRYPTED) )?PRIVATE KEY|PuTTY-User-Key-File-2",
        (b" PRIVATE KEY", b"PuTTY-User-Key-File-2"),
    ),
    Detector(
        "PyPI Token",
        ("pypi_token", "PypiTokenDetector"),
        rb"pypi-(?:AgEIcHlwaS5vcmc|AgENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{70}",
        (b"pypi-AgE",),
    ),
    Detector(
        "SendGrid API Key",
        ("sendgrid", "SendGridDetector"),
        rb"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}",
        (b"SG.",),
    ),
    Detector(
        "Slack Token",
        ("slack", "SlackDetector"),
        rb"xox[abposr]-\d+-[a-z0-9]",
        (b"xox",),
        folded=True,
    ),
    Detector(
        "Slack Token",
        ("slack", "SlackDetector"),
        rb"https://hooks\.slack\.com/services/t[a-z0-9_]+/b[a-z0-9_]+/[a-z0-9_]",
        (b"hooks.slack.com/services/",),
        folded=True,
    ),
    Detector(
        "SoftLayer Credentials",
        ("softlayer", "SoftlayerDetector"),
        rb"s(?:oft)?l(?:ayer)?[_-]?(?:api)?[_-]?" + _KEYWORD + _ASSIGN + rb"[a-z0-9]{64}",
        folded=True,
    ),
    Detector(
        "SoftLayer Credentials",
        ("softlayer", "SoftlayerDetector"),
        rb"://api.{1,4}softlayer.{1,4}com/soap/v3(?:.{1,4}1)?/[a-z0-9]{64}",
        (b"softlayer",),
        folded=True,
    ),
    Detector(
        "Square OAuth Secret",
        ("square_oauth", "SquareOAuthDetector"),
        rb"sq0csp-[0-9A-Za-z\\_-]{43}",
        (b"sq0csp-",),
    ),
    Detector("Stripe Access Key", ("stripe", "StripeDetector"), rb"[rs]k_live_[0-9a-zA-Z]{24}", (b"k_live_",)),
    Detector(
        "Telegram Bot Token",
        ("telegram_token", "TelegramBotTokenDetector"),
        rb"[0-9]{8}:[0-9A-Za-z_-]{35}",
    ),
    Detector("Twilio API Key", ("twilio", "TwilioKeyDetector"), rb"(?:AC|SK)[a-z0-9]{32}"),
    # Last, so that an address with a known kind of token in it is called by that.
    Detector(
        URL_PASSWORD,
        ("basic_auth", "BasicAuthDetector"),
        rb"://" + _URL_PART + rb":" + _URL_PART + rb"@",
        (b"://",),
    ),
)
"""detect-secrets' detectors of tokens and keys. Its entropy and keyword plugins are left out: evidence is full of
digests. So is its finder of public addresses, which are no secret."""

_WORD = rb"[A-Za-z0-9_-]"

OWN = (
    Detector("Anthropic API Key", None, rb"sk-ant-" + _WORD + rb"{20}", (b"sk-ant-",)),
    Detector("OpenAI API Key", None, rb"sk-(?:proj|svcacct|admin)-" + _WORD + rb"{20}", (b"sk-",)),
    Detector("OpenRouter API Key", None, rb"sk-or-v1-[0-9a-f]{32}", (b"sk-or-v1-",)),
    Detector("Google API Key", None, rb"AIza" + _WORD + rb"{35}", (b"AIza",)),
    Detector("Google OAuth Client Secret", None, rb"GOCSPX-" + _WORD + rb"{28}", (b"GOCSPX-",)),
    Detector("GitHub Fine-grained Token", None, rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", (b"github_pat_",)),
    Detector("GitLab Routable Token", None, rb"glpat-" + _WORD + rb"{27,300}\.[0-9a-z]{2}\.", (b"glpat-",)),
    Detector("Groq API Key", None, rb"gsk_[A-Za-z0-9]{48}", (b"gsk_",)),
    Detector("Hugging Face Token", None, rb"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{34}", (b"hf_",)),
    Detector("NPM Access Token", None, rb"npm_[A-Za-z0-9]{36}", (b"npm_",)),
    Detector("Perplexity API Key", None, rb"pplx-[A-Za-z0-9]{40}", (b"pplx-",)),
    Detector("Replicate API Token", None, rb"(?<![A-Za-z0-9])r8_[A-Za-z0-9]{37}", (b"r8_",)),
    Detector("Slack App Token", None, rb"xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]{16}", (b"xapp-",)),
    Detector("xAI API Key", None, rb"xai-[A-Za-z0-9]{60}", (b"xai-",)),
    Detector("age Secret Key", None, rb"AGE-SECRET-KEY-1[0-9A-Z]{50}", (b"AGE-SECRET-KEY-1",)),
    Detector(PRIVATE_KEY, None, rb"BEGIN (?:ENCRYPTED )PRIVATE KEY|PuTTY-User-Key-File-[3]", (b"PRIVATE", b"PuTTY")),
)
"""What detect-secrets does not know."""

ALL = OWN + FOREIGN


def spans(detector: Detector, data: bytes, folded: bytes) -> Iterator[tuple[int, int]]:
    """Where `data` may hold a token of this detector; `folded` is `data` in lower case."""
    text = folded if detector.folded else data
    if detector.literals and not any(literal in text for literal in detector.literals):
        return
    if detector.name == JSON_WEB_TOKEN:
        yield from _web_tokens(data, re.compile(detector.pattern))
    elif detector.name == OPENAI:
        yield from _openai_tokens(data, re.compile(detector.pattern))
    else:
        for match in re.finditer(detector.pattern, text):
            yield match.span()


def _web_tokens(data: bytes, run: "re.Pattern[bytes]") -> Iterator[tuple[int, int]]:
    """Each `eyJ...` run with the run behind its dot. As one pattern this takes quadratic time on `eyJeyJeyJ...`."""
    start = data.find(b"eyJ")
    while start >= 0:
        header = _end(run, data, start)
        payload = _end(run, data, header + 1)
        if data[header : header + 1] == b"." and payload > header + 1:
            yield start, payload + (data[payload : payload + 1] == b".")
        start = data.find(b"eyJ", header)


def _openai_tokens(data: bytes, run: "re.Pattern[bytes]") -> Iterator[tuple[int, int]]:
    """Each marker with 20 characters on either side and `sk-` somewhere before it in the same run."""
    marker = data.find(b"T3BlbkFJ")
    while marker >= 0:
        start = data.rfind(b"sk-", max(0, marker - 1024), marker - 17)
        if start >= 0 and _end(run, data, start) >= marker + 28:
            yield start, marker + 28
        marker = data.find(b"T3BlbkFJ", marker + 1)


def _end(run: "re.Pattern[bytes]", data: bytes, start: int) -> int:
    match = run.match(data, start)
    return match.end() if match else start
