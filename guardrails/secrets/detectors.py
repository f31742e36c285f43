"""The detectors of known tokens and keys, and what every token of each must contain.

Importing detect-secrets takes longer than judging most commits. So each of its detectors has a gate here: a pattern
that everything the detector finds must contain. Only what passes a gate is shown to the detector itself, which
decides. A gate may let too much through, never too little; a test holds that against the detectors' own patterns.
Detectors without a plugin are ours, for what agents carry and detect-secrets does not know: their pattern decides.

Every pattern is linear: what may repeat is delimited by what it cannot contain.
"""

from typing import NamedTuple


class Detector(NamedTuple):
    """`name` is shown. `plugin` is (module, class) in detect_secrets.plugins, or None when `pattern` decides.

    `pattern` is searched in lower-cased text if `folded`. It begins with a fixed string, which is what makes it fast;
    `literals` are the strings of which every match holds one (lower-case if `folded`). The plugin is shown the match
    with as many bytes `before` and `after` it as its own patterns may look at, never another line.
    """

    name: str
    plugin: tuple[str, str] | None
    pattern: bytes
    literals: tuple[bytes, ...]
    folded: bool = False
    before: int = 64
    after: int = 64


# Before a value in an assignment: an optional quote and bracket, blanks and one of = : := => ::, or blanks alone.
_ASSIGN = rb"[\"']?\]?[ =:>]+[\"']?"
_URL_PART = rb"[^:/?#\[\]@!$&'()*+,;=\s]+"
_HOST = rb"[\w\x80-\xff-]+"
_WORD = rb"[A-Za-z0-9_-]"
_CHAR = rb"[^\n\x80-\xbf][\x80-\xbf]*"
_KEYWORD = rb"(?:key|pwd|pass(?:word)?|token)"
_AFTER_BLANK = rb'(?<![^\x00-\x20=:"\x80-\xff]%s)'
_BEFORE_BLANK = rb'(?![^\x00-\x20"\x80-\xff])'

PRIVATE_KEY = "Private Key"
URL_PASSWORD = "Basic Auth Credentials"  # noqa: S105 (a name)
JSON_WEB_TOKEN = "JSON Web Token"  # noqa: S105 (a name)
OPENAI = "OpenAI Token"


def _foreign(name: str, module: str, plugin: str, *rows: tuple[bytes, tuple[bytes, ...]]) -> tuple[Detector, ...]:
    return tuple(Detector(name, (module, plugin), pattern, literals) for pattern, literals in rows)


def _widened(detectors: tuple[Detector, ...], before: int, after: int) -> tuple[Detector, ...]:
    return tuple(row._replace(before=before, after=after) for row in detectors)


def _folded(name: str, module: str, plugin: str, *rows: tuple[bytes, tuple[bytes, ...]]) -> tuple[Detector, ...]:
    return tuple(row._replace(folded=True) for row in _foreign(name, module, plugin, *rows))


FOREIGN = (
    *_foreign(
        "Artifactory Credentials",
        "artifactory",
        "ArtifactoryDetector",
        (b"AKC" + _AFTER_BLANK % b"AKC" + b"[a-zA-Z0-9]{10,}" + _BEFORE_BLANK, (b"AKC",)),
        (b"AP" + _AFTER_BLANK % b"AP" + b"[0-9A-F][a-zA-Z0-9]{8,}" + _BEFORE_BLANK, (b"AP",)),
    ),
    *_foreign(
        "AWS Access Key",
        "aws",
        "AWSKeyDetector",
        (rb"A(?:3T[A-Z0-9]|BIA|CCA|KIA|SIA)[0-9A-Z]{16}", (b"A3T", b"ABIA", b"ACCA", b"AKIA", b"ASIA")),
    ),
    *_folded(
        "AWS Access Key",
        "aws",
        "AWSKeyDetector",
        (
            rb"aws[\x80-\xbf]*(?:%s){0,20}?(?:pw|%s)[\x80-\xbf]*(?:%s){0,20}?['\"][0-9a-z/+]{40}['\"]"
            % (_CHAR, _KEYWORD, _CHAR),
            (b"aws",),
        ),
    ),
    *_foreign(
        "Azure Storage Account access key",
        "azure_storage_key",
        "AzureStorageKeyDetector",
        (rb"AccountKey=[a-zA-Z0-9+/=]{88}", (b"AccountKey=",)),
    ),
    *_folded(
        "Cloudant Credentials",
        "cloudant",
        "CloudantDetector",
        (
            rb"cl(?:ou(?:dant)?)?[_-]?(?:api)?(?:pw|" + _KEYWORD + rb")" + _ASSIGN + rb"(?:[0-9a-f]{64}|[a-z]{24})",
            (b"cl",),
        ),
        (
            rb"://" + _HOST + rb":(?:[0-9a-f]{64}|[a-z]{24})@" + _HOST + rb"\.cloudant\.com",
            (b".cloudant.com",),
        ),
    ),
    *_foreign(
        "Discord Bot Token",
        "discord",
        "DiscordBotTokenDetector",
        (rb"\." + _WORD + rb"{6}\." + _WORD + rb"{27}", (b".",)),
    ),
    *_foreign(
        "GitHub Token",
        "github_token",
        "GitHubTokenDetector",
        (rb"gh[opsru]_[A-Za-z0-9_]{36}", (b"gho_", b"ghp_", b"ghs_", b"ghr_", b"ghu_")),
    ),
    *_widened(
        _foreign(
            "GitLab Token",
            "gitlab_token",
            "GitLabTokenDetector",
            (rb"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-" + _WORD + rb"{20}", (b"gl",)),
            (rb"GR1348941" + _WORD + rb"{20}", (b"GR1348941",)),
        ),
        before=64,
        after=1100,
    ),
    *_folded(
        "IBM Cloud IAM Key",
        "ibm_cloud_iam",
        "IbmCloudIamDetector",
        (rb"key" + _ASSIGN + rb"[a-z0-9_-]{44}(?![a-z0-9_-])", (b"key",)),
        (rb"pwd" + _ASSIGN + rb"[a-z0-9_-]{44}(?![a-z0-9_-])", (b"pwd",)),
        (rb"pass(?:word)?" + _ASSIGN + rb"[a-z0-9_-]{44}(?![a-z0-9_-])", (b"pass",)),
        (rb"token" + _ASSIGN + rb"[a-z0-9_-]{44}(?![a-z0-9_-])", (b"token",)),
    ),
    *_folded(
        "IBM COS HMAC Credentials",
        "ibm_cos_hmac",
        "IbmCosHmacDetector",
        (rb"secret[-_]?(?:access)?[-_]?key" + _ASSIGN + rb"[a-f0-9]{48}(?![a-f0-9])", (b"secret",)),
    ),
    *_widened(_foreign(JSON_WEB_TOKEN, "jwt", "JwtTokenDetector", (rb"[A-Za-z0-9_=-]*", (b"eyJ",))), before=0, after=0),
    *_foreign(
        "Mailchimp Access Key",
        "mailchimp",
        "MailchimpDetector",
        (rb"-us[0-9](?<=[0-9a-z]{32}-us[0-9])", (b"-us",)),
    ),
    *_widened(
        _foreign(
            "NPM tokens",
            "npm",
            "NpmDetector",
            (rb"/:_authToken=\s*(?:npm_.|[A-Fa-f0-9-]{36})", (b"/:_authToken=",)),
        ),
        before=512,
        after=64,
    ),
    *_foreign(OPENAI, "openai", "OpenAIDetector", (rb"[A-Za-z0-9_-]*", (b"T3BlbkFJ",))),
    *_foreign(
        PRIVATE_KEY,
        "private_key",
        "PrivateKeyDetector",
        (rb"BEGIN (?:(?:DSA|EC|OPENSSH|PGP|RSA|SSH2 ENCRYPTED) )?PRIVATE KEY", (b" PRIVATE KEY",)),
        (rb"PuTTY-User-Key-File-[2]", (b"PuTTY",)),
    ),
    *_foreign(
        "PyPI Token",
        "pypi_token",
        "PypiTokenDetector",
        (rb"pypi-(?:AgEIcHlwaS5vcmc|AgENdGVzdC5weXBpLm9yZw)" + _WORD + rb"{70}", (b"pypi-AgE",)),
    ),
    *_foreign(
        "SendGrid API Key",
        "sendgrid",
        "SendGridDetector",
        (rb"SG\." + _WORD + rb"{22}\." + _WORD + rb"{43}", (b"SG.",)),
    ),
    *_folded(
        "Slack Token",
        "slack",
        "SlackDetector",
        (rb"xox[abposr]-\d+-[a-z0-9]", (b"xox",)),
        (rb"https://hooks\.slack\.com/services/t[a-z0-9_]+/b[a-z0-9_]+/[a-z0-9_]", (b"hooks.slack.com/services/",)),
    ),
    *_folded(
        "SoftLayer Credentials",
        "softlayer",
        "SoftlayerDetector",
        (rb"sl[_-]?(?:api)?[_-]?" + _KEYWORD + _ASSIGN + rb"[a-z0-9]{64}", (b"sl",)),
        (rb"softlayer[_-]?(?:api)?[_-]?" + _KEYWORD + _ASSIGN + rb"[a-z0-9]{64}", (b"softlayer",)),
        (rb"://api.{1,4}softlayer.{1,4}com/soap/v3(?:.{1,4}1)?/[a-z0-9]{64}", (b"softlayer",)),
    ),
    *_foreign(
        "Square OAuth Secret",
        "square_oauth",
        "SquareOAuthDetector",
        (rb"sq0csp-[0-9A-Za-z\\_-]{43}", (b"sq0csp-",)),
    ),
    *_foreign(
        "Stripe Access Key",
        "stripe",
        "StripeDetector",
        (rb"k_live_(?<=[rs]k_live_)[0-9a-zA-Z]{24}", (b"k_live_",)),
    ),
    *_foreign(
        "Telegram Bot Token",
        "telegram_token",
        "TelegramBotTokenDetector",
        (rb":(?<=[0-9]{8}:)" + _WORD + rb"{35}", (b":",)),
    ),
    *_foreign(
        "Twilio API Key",
        "twilio",
        "TwilioKeyDetector",
        (rb"AC[a-z0-9]{32}", (b"AC",)),
        (rb"SK[a-z0-9]{32}", (b"SK",)),
    ),
    *_foreign(
        URL_PASSWORD,
        "basic_auth",
        "BasicAuthDetector",
        (rb"://" + _URL_PART + rb":" + _URL_PART + rb"@", (b"://",)),
    ),
)
"""detect-secrets' detectors of tokens and keys. Its entropy and keyword plugins are left out: evidence is full of
digests. So is its finder of public addresses, which are no secret."""


def _own(name: str, pattern: bytes, *literals: bytes) -> Detector:
    return Detector(name, None, pattern, literals)


def _begins(prefix: bytes) -> bytes:
    """`prefix` where no word goes on into it; an escaped line break or URL escape before it is no word."""
    return prefix + rb"(?:(?<![A-Za-z0-9]%s)|(?<=\\[nrt]%s)|(?<=%%[0-9A-Fa-f]{2}%s))" % (prefix, prefix, prefix)


OWN = (
    _own("Anthropic API Key", rb"sk-ant-" + _WORD + rb"{20}", b"sk-ant-"),
    _own("OpenAI API Key", _begins(b"sk-") + rb"(?:proj|svcacct|admin)-" + _WORD + rb"{20}", b"sk-"),
    _own("OpenRouter API Key", rb"sk-or-v1-[0-9a-f]{32}", b"sk-or-v1-"),
    _own("Google API Key", rb"AIza" + _WORD + rb"{35}", b"AIza"),
    _own("Google OAuth Client Secret", rb"GOCSPX-" + _WORD + rb"{28}", b"GOCSPX-"),
    _own("GitHub Fine-grained Token", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", b"github_pat_"),
    _own("GitLab Routable Token", rb"glpat-" + _WORD + rb"{27,300}\.[0-9a-z]{2}\.", b"glpat-"),
    _own("Groq API Key", rb"gsk_[A-Za-z0-9]{48}", b"gsk_"),
    _own("Hugging Face Token", _begins(b"hf_") + rb"[A-Za-z0-9]{34}", b"hf_"),
    _own("NPM Access Token", rb"npm_[A-Za-z0-9]{36}", b"npm_"),
    _own("Perplexity API Key", rb"pplx-[A-Za-z0-9]{40}", b"pplx-"),
    _own("Replicate API Token", _begins(b"r8_") + rb"[A-Za-z0-9]{37}", b"r8_"),
    _own("Slack App Token", rb"xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]{16}", b"xapp-"),
    _own("xAI API Key", rb"xai-[A-Za-z0-9]{60}", b"xai-"),
    _own("age Secret Key", rb"AGE-SECRET-KEY-1[0-9A-Z]{50}", b"AGE-SECRET-KEY-1"),
    _own(PRIVATE_KEY, rb"BEGIN (?:ENCRYPTED) PRIVATE KEY", b" PRIVATE KEY"),
    _own(PRIVATE_KEY, rb"PuTTY-User-Key-File-[3]", b"PuTTY"),
)
"""What detect-secrets does not know."""

ALL = OWN + FOREIGN
