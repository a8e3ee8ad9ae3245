"""What in recognised lines tells of a place."""

import pytest

from geotagger.text.clues import clues_of
from geotagger.text.recognising import decoded, letters_of
from geotagger.text.values import Line


def lines(*texts: str, confidence: float = 0.99) -> list[Line]:
    return [Line(text, confidence) for text in texts]


@pytest.mark.parametrize(
    ("text", "endings", "prefixes", "currencies"),
    [
        ("www.hundeschule-koeln.de", ("DE",), (), ()),
        ("info@gossos.cat and gossos.es/ajut", ("ES",), (), ()),
        ("Read it. In English. Do it", (), (), ()),
        ("get.it and go.to visit.me", (), (), ()),
        ("www.council.gov.uk", ("GB",), (), ()),
        ("Tel +45 33 12 34 56", (), ("45",), ()),
        ("0046 8 123 456 78", (), ("46",), ()),
        ("Tel. +1 (212) 555-0123", (), ("1",), ()),
        ("10.00 - 12.00 23456789", (), (), ()),
        ("Bøde 500 kr", (), (), (("SEK", "DKK", "NOK", "ISK"),)),
        ("multa 450 €", (), (), (("EUR",),)),
        ("£5 a day", (), (), (("GBP",),)),
        ("Kranz und Krone", (), (), ()),
    ],
)  # fmt: skip
def test_addresses_numbers_and_money(
    text: str, endings: tuple[str, ...], prefixes: tuple[str, ...], currencies: tuple[tuple[str, ...], ...]
) -> None:
    clues = clues_of(lines(text))
    assert (clues.endings, clues.prefixes, clues.currencies) == (endings, prefixes, currencies)


def test_what_is_unsure_does_not_count() -> None:
    assert clues_of(lines("Hunde an der Leine führen", confidence=0.7)).words == ()
    assert clues_of(lines("Hunde an der Leine führen")).latin == "Hunde an der Leine führen"


@pytest.mark.parametrize("text", ["PECTOPAH", "TEATP KACCA", "MOCKBA", "OXPAHA 12 3", "AПTEKA XO3TOBAPЫ"])
def test_latin_twins_of_other_letters_are_no_words(text: str) -> None:
    assert clues_of(lines(text)).words == ()
    assert clues_of(lines(text)).letters == 0


def test_scripts_are_counted() -> None:
    clues = clues_of(lines("犬のふん", "東京都", "Απαγορεύεται"))
    assert (clues.kana, clues.han, clues.greek) == (3, 4, 12)


def test_columns_are_decoded_without_blanks_and_repetitions() -> None:
    import numpy as np

    letters = letters_of("a\nb\r\nc\n")
    assert letters == ["", "a", "b", "c", " "]
    columns = np.full((8, 5), 0.02, dtype=np.float32)
    for column, letter in enumerate([1, 1, 0, 1, 2, 2, 4, 3]):
        columns[column, letter] = 0.9
    line = decoded(columns, letters)
    assert line.text == "aab c"
    assert line.confidence == pytest.approx(0.9)
    assert decoded(np.eye(5, dtype=np.float32)[[0, 0]], letters).text == ""
