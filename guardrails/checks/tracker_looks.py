"""What a reader takes a text for: look-alike letters as the Latin ones, without characters that nobody sees."""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""Characters of an id or header that are compared by their looks. Sorting the accents of longer ones costs too much."""

# Cyrillic, then Greek: capitals and small letters look like different Latin ones, so case is folded afterwards.
_ALIKE = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u04ae\u04c0\u051a\u051c"
    "\u0430\u0432\u0435\u0455\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u04af\u04cf\u051b\u051d"
    "\u04bb\u0501"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03f2\u03f3",
    "ABESIJKMHOPCTYXYIQW" + "abesijkmhopctyxylqw" + "hd" + "ABEZHIKMNOPTYX" + "aeikvoptuxcj",
)
# These are letters or marks to Unicode, and nothing to the eye.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def seen_as(text: str) -> str:
    """`text` with compatible and look-alike characters as their plain ones, invisible characters dropped."""
    if len(text) > LONGEST or (text.isascii() and text.isprintable()):
        return text
    shown = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return "".join(character for character in shown if not _is_invisible(character))


def _is_invisible(character: str) -> bool:
    if character in _BLANKS or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True
    return unicodedata.category(character) in ("Cf", "Cc") and not character.isspace()


def look(text: str) -> str:
    """What two ids that look alike have in common: case and blanks do not count either."""
    return "".join(seen_as(text).casefold().split())
