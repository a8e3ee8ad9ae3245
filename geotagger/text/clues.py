"""What in recognised text tells of a place: its words and language, addresses of web sites, telephone
numbers, currencies, scripts.

Takes lines, gives clues. The recogniser knows Latin, Greek and Chinese letters and kana only, and reads
other scripts as these: mostly unsurely, but Cyrillic capitals as their Latin twins and very surely. So what
is unsure is left out, and words count only where some letter has no twin in another script and the words
look like words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from geotagger.text.countries import countries
from geotagger.text.values import Line

LEAST_CONFIDENCE = 0.85
"""Of a line that counts: signs in scripts that the recogniser does not know are mostly read below this."""
_FEWEST_LETTERS, _FEWEST_OF_ONE_WORD = 12, 20
"""Of Latin text whose language is asked for; a single word is mostly a name."""
_FEWEST_TELLING = 3
_MOST_ODD = 0.25
_TWINS = frozenset("ABCEHIJKMOPSTXYaceijopsxy")
"""Latin letters that look like one in Cyrillic; most also like a Greek or an Armenian one."""

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_ODD = re.compile(r"[^\W\d_]\d+[^\W\d_]|[a-zà-ÿ][A-ZÀ-Þ]|[^\W\d_][^\w\s'’.,:;!?\-/&@()]+[^\W\d_]")
_DOMAIN = re.compile(
    r"(www\.|https?:?/*|@)?[a-z0-9][a-z0-9\-]{2,}(?:\.[a-z0-9\-]{2,})*\.([a-z]{2})(?![a-z0-9.])(/)?"
)
_ADDRESS = re.compile(
    r"\S*(?:www\.|https?:|@)\S*|\S+\.(?:com|net|org|info|[a-z]{2})(?![^\W_])\S*", re.IGNORECASE
)
"""Its words are names, in no language."""
_TELEPHONE = re.compile(r"(?:\+\s?|(?<![\d.,])00\s?)([1-9]\d{0,2})[\s()/.\-]*\d(?:[\s()/.\-]*\d){5,11}")
_AMOUNT = r"(?:\d[\d.,]*\s?{0}(?![^\W\d_])|(?<![^\W\d_]){0}\s?\d)"

_SOLD = frozenset(
    re.findall(
        r"\w+",
        "ai ad am as bz cc cd co dj fm gg io la ly me ml mn mp ms nu pn sc sh so st tk to tv vc ws",
    )
)
"""Domain endings that are sold to anybody and mostly used elsewhere: these say nothing."""
_WORDS_TOO = frozenset(["be", "do", "ie", "in", "is", "it", "my", "no", "pm", "us"])
"""These are words as well, and count only in what is surely an address."""

# not "Fr", which is a Friday, "R", which is any row or room, nor "Ft", which are feet
_SIGNS = {
    "EUR": ("€", "EUR"),
    "GBP": ("£", "GBP"),
    "SEK": ("kr", "SEK"),
    "DKK": ("kr", "DKK"),
    "NOK": ("kr", "NOK"),
    "ISK": ("kr", "ISK"),
    "PLN": ("zł", "zt", "PLN"),
    "CZK": ("Kč", "CZK"),
    "HUF": ("HUF",),
    "RON": ("lei", "LEI", "RON"),
    "CHF": ("CHF", "SFr"),
    "TRY": ("₺", "TL"),
    "BRL": (r"R\$",),
    "INR": ("₹",),
    "VND": ("₫", "VND"),
    "IDR": ("Rp",),
    "MYR": ("RM",),
    "PHP": ("₱",),
    "THB": ("฿", "THB"),
    "JPY": ("円",),
    "CNY": ("元",),
    "KRW": ("₩",),
    "UAH": ("₴",),
    "ILS": ("₪",),
    "PEN": ("S/",),
    "NZD": (r"NZ\$",),
    "AUD": (r"A\$",),
    "HKD": (r"HK\$",),
    "NGN": ("₦",),
}


@dataclass(frozen=True, slots=True)
class Clues:
    """words: as they stand, in the order of the lines, "" between two lines; none where they may be of a
    script that is not known. latin: the Latin ones of them as one text. endings: country codes of web
    addresses. prefixes: of telephone numbers. currencies: ISO 4217, each a group of which one is meant.
    kana, han, greek: how many letters of each."""

    words: tuple[str, ...] = ()
    latin: str = ""
    endings: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    currencies: tuple[tuple[str, ...], ...] = ()
    kana: int = 0
    han: int = 0
    greek: int = 0

    @property
    def letters(self) -> int:
        return sum(map(str.isalpha, self.latin))

    @property
    def has_language(self) -> bool:
        is_one_word = " " not in self.latin
        return self.letters >= (_FEWEST_OF_ONE_WORD if is_one_word else _FEWEST_LETTERS)


def clues_of(lines: Sequence[Line]) -> Clues:
    sure = [line.text for line in lines if line.confidence >= LEAST_CONFIDENCE]
    text = "\n".join(sure)
    words: list[str] = []
    for line in sure:
        words += [*_WORD.findall(_ADDRESS.sub(" ", line)), ""]
    latin = [word for word in words if word and _is_latin(word)]
    others = len(re.findall("[\u0370-\u03ff\u3041-\u30ff\u4e00-\u9fff]", text))
    if not _tells(latin, sure) and others < _FEWEST_TELLING:
        words, latin = [], []
    return Clues(
        tuple(words),
        " ".join(word for word in latin if len(word) > 1),
        tuple(dict.fromkeys(_endings(text))),
        tuple(dict.fromkeys(_prefixes(text))),
        tuple(dict.fromkeys(_currencies(text))),
        len(re.findall("[\u3041-\u30ff]", text)),
        len(re.findall("[\u4e00-\u9fff]", text)),
        len(re.findall("[\u0370-\u03ff]", text)),
    )


def _is_latin(word: str) -> bool:
    return all(ord(letter) < 0x250 or not letter.isalpha() for letter in word)


def _tells(latin: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether it is surely Latin: enough letters without a twin, few words that are none."""
    telling = sum(letter not in _TWINS for word in latin for letter in word if letter.isalpha())
    odd = sum(len(_ODD.findall(line)) for line in lines)
    return telling >= _FEWEST_TELLING and odd <= _MOST_ODD * max(1, len(latin))


def _endings(text: str) -> list[str]:
    endings = []
    for scheme, ending, slash in _DOMAIN.findall(text.lower()):
        code = {"uk": "GB", "eu": ""}.get(ending, ending.upper())
        is_sure = bool(scheme or slash)
        if code in countries().rows_of and ending not in _SOLD and (is_sure or ending not in _WORDS_TOO):
            endings.append(code)
    return endings


def _prefixes(text: str) -> list[str]:
    all_prefixes = countries().prefixes
    prefixes = []
    for digits in _TELEPHONE.findall(text):
        # the longest that is one: no prefix begins with another
        prefix = next((digits[:n] for n in (3, 2, 1) if digits[:n] in all_prefixes), None)
        if prefix is not None:
            prefixes.append(prefix)
    return prefixes


def _currencies(text: str) -> list[tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for currency, signs in _SIGNS.items():
        for sign in signs:
            if re.search(_AMOUNT.format(sign), text):
                groups.setdefault(sign, []).append(currency)
    return [tuple(group) for group in groups.values()]
