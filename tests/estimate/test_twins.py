"""Two equal phones without serial numbers, in two cities, are two cameras."""

from dataclasses import replace

import pytest

from geotagger.estimate.movement import HOUR_S
from geotagger.estimate.timeline import Evidence, PhotoRecord, estimates, learned_from
from geotagger.estimate.twins import Origin, Rule, Twins
from geotagger.estimate.values import Fix, FixSeries
from geotagger.geo import distance_km

COLOGNE, MUNICH = (50.94, 6.96), (48.14, 11.58)
NOON = 1.75e9


def _two_phones(names: tuple[str, str], clash: bool = True) -> list[PhotoRecord]:
    """Both take photos by turns, every two hours for five days; every fourth of each has no place."""
    photos = []
    for n in range(60):
        who = n % 2
        at = (COLOGNE, MUNICH)[who] if clash else COLOGNE
        place = Fix(at[0] + 0.001 * n, at[1], 0.01, "camera")
        photos.append(
            PhotoRecord(
                n, NOON + n * HOUR_S * 0.3 + (n // 6) * 8 * HOUR_S, camera="Acme One",
                place=None if n // 2 % 4 == 2 else place, path=names[who].format(100 * who + n),
            )
        )  # fmt: skip
    return photos


def _errors_km(photos: list[PhotoRecord]) -> dict[int, tuple[float, float]]:
    """Of those without a place how far they are put from where they were, and how certainly."""
    fixes = FixSeries.of(photos)
    said = estimates(Evidence(fixes, learned_from(fixes)), photos)
    return {
        photo.key: (
            float(distance_km(one.latitude, one.longitude, *(COLOGNE, MUNICH)[photo.key % 2])),
            one.confidence,
        )
        for photo, one in zip(photos, said, strict=True)
        if photo.place is None and one is not None
    }


@pytest.mark.parametrize(
    "names",
    [
        ("anna/2025/IMG_{:04}.jpg", "ben/2025/IMG_{:04}.jpg"),
        ("2025/anna/IMG_{:04}.jpg", "2025/ben/IMG_{:04}.jpg"),
        ("IMG_{:04}.jpg", "IMG_7{:03}.jpg"),
        ("A{:04}.jpg", "B{:04}.jpg"),
        ("IMG_{:04}_anna.jpg", "IMG_{:04}_ben.jpg"),
        ("IMG_{:04}.jpg", "IMG_{:04}.HEIC"),
        ("IMG_{:04}.jpg", "IMG_{:06}.jpg"),
        ("C:\\photos\\anna\\{:04}.jpg", "C:\\photos\\ben\\{:04}.jpg"),
    ],
    ids=["folders", "folders below", "counters", "letters", "endings", "formats", "digits", "backslashes"],
)
def test_equal_phones_in_two_cities_are_told_apart(names: tuple[str, str]) -> None:
    fixes = FixSeries.of(_two_phones(names))
    assert len({fixes.cameras[n] for n in fixes.camera}) == 2


@pytest.mark.parametrize("third", [(47.37, 8.54), (-33.87, 151.21)], ids=["Zurich", "Sydney"])
def test_three_equal_phones_are_three_cameras(third: tuple[float, float]) -> None:
    """Where they take photos by turns none comes back at once to where the last one was."""
    photos = [
        PhotoRecord(
            n,
            NOON + n * 1200.0,
            camera="Acme One",
            place=Fix(*at, 0.01, "camera"),
            path=f"{n % 3}/{n:04}.jpg",
        )
        for n, at in enumerate([COLOGNE, MUNICH, third] * 8)
    ]
    fixes = FixSeries.of(photos)
    assert {fixes.cameras[n] for n in fixes.camera} == {f"Acme One ({n})" for n in range(3)}


def test_a_round_of_flights_splits_nothing() -> None:
    """However the folders are: somebody in three cities on one day."""
    photos = [
        PhotoRecord(
            n, NOON + n * 1800.0, camera="Acme One", place=Fix(*at, 0.01, "camera"), path=f"{at}/{n:04}.jpg"
        )
        for n, at in enumerate([COLOGNE] * 9 + [MUNICH] * 6 + [(52.52, 13.40)] * 6 + [COLOGNE] * 9)
    ]
    assert not FixSeries.of(photos).twins.rules


def test_photos_of_equal_phones_are_placed_where_each_was() -> None:
    errors = _errors_km(_two_phones(("IMG_{:04}.jpg", "IMG_7{:03}.jpg")))
    assert len(errors) >= 12
    assert all(error < 25 for error, _ in errors.values())


@pytest.mark.parametrize("names", ["2025/{}/anna/{{:04}}.jpg", "anna/{}/{{:04}}.jpg", "{}/{{:04}} anna.jpg"])
def test_folders_of_days_make_no_cameras_of_their_own(names: str) -> None:
    """Two phones are two cameras though each day has a folder."""
    photos = [
        replace(photo, path=(names if photo.key % 2 else names.replace("anna", "ben")).format(
            f"{photo.key // 12:02}").format(photo.key))
        for photo in _two_phones(("{}", "{}"))
    ]  # fmt: skip
    fixes = FixSeries.of(photos)
    assert len({fixes.cameras[n] for n in fixes.camera}) == 2


def test_a_gap_within_the_numbers_of_one_phone_is_not_what_tells_two_apart() -> None:
    """One of them skips 5,000 numbers in the middle, the other begins 1,000 above its end."""
    photos = [
        replace(
            photo, path=f"IMG_{photo.key + (0 if photo.key % 2 else 6000 + 5000 * (photo.key >= 30)):05}.jpg"
        )
        for photo in _two_phones(("{}", "{}"))
    ]
    fixes = FixSeries.of(photos)
    assert len({fixes.cameras[n] for n in fixes.camera}) == 2


def test_phones_that_nothing_keeps_apart_stay_one() -> None:
    fixes = FixSeries.of(_two_phones(("x/P.jpg", "x/P.jpg")))
    assert not fixes.twins.rules


def test_one_phone_stays_one_however_its_folders_are() -> None:
    fixes = FixSeries.of(_two_phones(("a/{:04}.jpg", "b/{:04}.jpg"), clash=False))
    assert fixes.twins == Twins()
    assert fixes.cameras == ("", "Acme One")


def test_a_fix_that_is_out_of_date_splits_nothing() -> None:
    photos = [
        PhotoRecord(
            n, NOON + n * 600.0, camera="Acme One", place=Fix(*at, 0.01, "camera"), path=f"{n:04}.jpg"
        )
        for n, at in enumerate([COLOGNE] * 10 + [MUNICH] + [COLOGNE] * 10)
    ]
    assert not FixSeries.of(photos).twins.rules


def test_names_of_files_without_numbers_have_a_camera_of_their_own() -> None:
    rule = Rule(edge=5000)
    assert [rule.key(Origin(name)) for name in ("a/IMG_0017.jpg", "IMG_7001.jpg", "beach.jpg")] == [
        "below 5000", "from 5000", "no number",
    ]  # fmt: skip
    assert Twins({"Acme": rule}).name("Acme", Origin("IMG_0017.jpg")) == "Acme (below 5000)"
    assert Twins({"Acme": rule}).name("Other", Origin("IMG_0017.jpg")) == "Other"


def _with_software(versions: tuple[str, str, str, str]) -> list[PhotoRecord]:
    """The two phones in one folder, with numbers that say nothing; each gets another version after a while,
    the second one later than the first."""
    a, b, later_a, later_b = versions
    return [
        replace(
            photo,
            path=f"{photo.key * 7919 % 1000:04}.jpg",
            software=((b, later_b)[photo.key >= 40] if photo.key % 2 else (a, later_a)[photo.key >= 20]),
        )
        for photo in _two_phones(("{}", "{}"))
    ]


@pytest.mark.parametrize("versions", [("16.1", "15.7", "16.1", "15.7"), ("16.1", "15.7", "16.2", "17.0")])
def test_versions_of_software_tell_two_phones_apart(versions: tuple[str, str, str, str]) -> None:
    photos = _with_software(versions)
    fixes = FixSeries.of(photos)
    assert {fixes.cameras[n] for n in fixes.camera} == {"Acme One (16.1)", "Acme One (15.7)"}
    assert all(error < 25 for error, _ in _errors_km(photos).values())


def test_many_versions_of_both_phones_tell_them_apart() -> None:
    """Of years: one every other day, on each of them."""
    photos = [
        PhotoRecord(
            n, NOON + n * 3 * HOUR_S, camera="Acme One", place=Fix(*(COLOGNE, MUNICH)[n % 2], 0.01, "camera"),
            path=f"{n * 7919 % 2000:04}.jpg", software=f"{n % 2}.{n // 16}",
        )
        for n in range(16 * 50)
    ]  # fmt: skip
    fixes = FixSeries.of(photos)
    assert {fixes.cameras[n] for n in fixes.camera} == {"Acme One (0.0)", "Acme One (1.0)"}


def test_a_version_of_its_own_for_every_photo_names_no_software() -> None:
    photos = [replace(photo, path="P.jpg", software=f"{photo.key}") for photo in _two_phones(("{}", "{}"))]
    assert not FixSeries.of(photos).twins.rules


def test_versions_that_both_phones_have_tell_nothing() -> None:
    assert not FixSeries.of(_with_software(("16.1", "15.7", "17.0", "17.0"))).twins.rules
