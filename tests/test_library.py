"""The library as the entrants of the sample lists would get it: nothing missing, nothing odd, each text one segment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from campaigns import content, rendering
from campaigns.entry_lists.imports import import_list
from campaigns.ledger import Claimed
from campaigns.models import Entrant, Event, Organiser, Race, Wave
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent
LISTS = sorted((ROOT / "tests" / "data").glob("*.csv"))
EMAILS = sorted((ROOT / "templates" / "email").glob("*.md"))
TEXTS = sorted((ROOT / "templates" / "sms").glob("*.txt"))
RACE_DAY = date(2027, 9, 19)
NOW = datetime(2027, 9, 18, 15, tzinfo=UTC)
ALERT = {"temp": "29", "new_start": "10:00", "new_date": "Wed 29 Sep 2027"}
SHORT_LINKS = "https://go.reigate.org"  # with /s/ and eight characters the 33 that are reserved
RACES = {"half": ("Half Marathon", 9), "10k": ("10K", 9), "5k": ("5K", 9), "kids": ("Kids Race", 12)}


@pytest.fixture(scope="module")
def everyone(django_db_setup: None, django_db_blocker) -> list[Claimed]:
    """All entrants of the four lists as a claim would bring them; the database is left as it was."""
    with django_db_blocker.unblock(), transaction.atomic():
        found = [_claimed(entrant) for file in LISTS for entrant in _imported(file)]
        transaction.set_rollback(True)
    return found


def _imported(file: Path) -> list[Entrant]:
    organiser, _ = Organiser.objects.get_or_create(slug="reigate", defaults={"name": "Run Reigate Ltd"})
    event = Event.objects.create(
        organiser=organiser, slug=file.stem.replace("_", "-"), name="Run Reigate 2027", date=RACE_DAY,
        timezone="Europe/London",
    )  # fmt: skip
    for slug, (name, hour) in RACES.items():
        race = Race.objects.create(
            event=event, slug=slug, name=name, start=time(hour, 15), for_children=slug == "kids"
        )
        if slug == "half":
            Wave.objects.bulk_create(Wave(race=race, name=wave, start=time(9, 15)) for wave in "ABC")
    import_list(file, event, who="ann@example.org")
    found = event.entrants.select_related("race", "wave").prefetch_related("consents")
    return list(found)


def _claimed(entrant: Entrant) -> Claimed:
    band = rendering.age_band(entrant.birth_date, RACE_DAY)
    return Claimed(
        delivery=entrant.id,
        claim=1,
        carrier=entrant.id,
        token=UUID(int=entrant.id),
        message_id=f"{entrant.id}@runreigate.example",
        attempts=0,
        due_at=NOW,
        latest_at=NOW + timedelta(days=1),
        entrant=entrant.id,
        address=entrant.email,
        first_name=entrant.first_name,
        bib=entrant.bib,
        entrant_token=entrant.token,
        short_code=entrant.short_code,
        race_name=entrant.race.name,
        race_start=entrant.race.start,
        wave_name=entrant.wave.name if entrant.wave else "",
        wave_start=entrant.wave.start if entrant.wave else None,
        race=entrant.race.slug,
        birth_date=entrant.birth_date,
        first_timer=bool(entrant.first_timer),
        minor=entrant.race.for_children or band == "under-18",
        agreed=[c.purpose for c in entrant.consents.all() if c.channel == "email" and c.granted],
    )


@cache
def message(file: Path) -> rendering.Message:
    words, is_text = file.read_text("utf-8"), file.suffix == ".txt"
    sms = content.compile_sms(file.stem, words) if is_text else None
    email = None if is_text else content.compile_email(file.stem, words, rendering.layout())
    front = (sms or email).front  # type: ignore[union-attr]
    return rendering.Message(
        version_id=1,
        channel=Channel.SMS if is_text else Channel.EMAIL,
        purpose=front.purpose,
        step_name=file.stem,
        event_name="Run Reigate",
        event_slug="run-reigate-2027",
        date=RACE_DAY,
        zone=ZoneInfo("Europe/London"),
        venue="Priory Park",
        info_url="https://runreigate.example/race-day",
        deferral_url="https://runreigate.example/deferral",
        contact="hello@runreigate.example",
        organiser="Run Reigate Ltd",
        postal_address="1 Example Street, Reigate RH2 0AA",
        email=email,
        sms=sms,
    )


def values_of(file: Path, entrant: Claimed, **others: str) -> Mapping[str, str]:
    return {**message(file).values([entrant], NOW), **ALERT, **others}


def odd(character: str) -> bool:
    return not "a" <= character.lower() <= "z"


@pytest.fixture(scope="module")
def chosen(everyone: list[Claimed]) -> list[Claimed]:
    """The longest, the oddest and the shortest name, in each race and as a child; and one of whom little is known."""
    known: dict[tuple[str, str], Claimed] = {}
    for entrant in everyone:
        kind = f"{entrant.race}, {'child' if entrant.minor else 'adult'}"
        for measure, size in (
            ("longest", len(entrant.first_name)),
            ("oddest", sum(map(odd, entrant.first_name))),
            ("shortest", -len(entrant.first_name)),
        ):
            best = known.get((kind, measure))
            if best is None or size > _size(measure, best):
                known[kind, measure] = entrant
    nobody = replace(everyone[0], first_name="", bib="", wave_name="", birth_date=None, agreed=[])
    return [*known.values(), nobody, replace(nobody, minor=True)]


def _size(measure: str, entrant: Claimed) -> int:
    name = entrant.first_name
    return {"longest": len(name), "oddest": sum(map(odd, name)), "shortest": -len(name)}[measure]


def test_the_lists_hold_people_of_every_kind(everyone: list[Claimed], chosen: list[Claimed]) -> None:
    assert len(everyone) > 900
    assert {entrant.race for entrant in chosen} == set(RACES)
    assert {entrant.minor for entrant in chosen} == {True, False}
    assert any(entrant.first_timer for entrant in everyone)
    assert any("tips" in entrant.agreed for entrant in everyone)
    assert any("tips" not in entrant.agreed for entrant in everyone)


@pytest.mark.parametrize("file", EMAILS, ids=lambda file: file.stem)
def test_an_email_reads_well_for_the_longest_the_oddest_and_the_shortest(
    file: Path, chosen: list[Claimed]
) -> None:
    email = message(file).email
    assert email is not None
    for entrant in chosen:
        for yes in ("yes", ""):
            for deferral in ("https://runreigate.example/deferral", ""):
                values = values_of(file, entrant, tips_agreed=yes, sponsor_agreed=yes, deferral_url=deferral)
                rendered = email.render(values)
                _reads_well(rendered.text, entrant)
                _reads_well(rendered.subject, entrant)
                assert not re.search(r"\{[{%]|None|xj[vs]\d", rendered.html)
                assert len(rendered.html.encode()) < 60_000


def _reads_well(text: str, entrant: Claimed) -> None:
    text = text.replace(entrant.first_name, "Someone") if entrant.first_name else text
    assert not re.search(r"\{\{|\}\}|\{%|\bNone\b|undefined|xj[vs]\d", text)
    assert not re.search(r"(?<=\S)  +(?=\S)", text), text
    assert not re.search(r"[ \n][.,;:!?](\s|$)|\.\.|,,|\(\)|\[\]|:\s*\n\s*\n?-? ?:", text), text
    assert not re.search(r"\n\n\n", text), text
    assert not re.search(r"^(-|\d+\.)\s*$", text, re.MULTILINE), text


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_a_text_is_one_segment_for_everyone(file: Path, everyone: list[Claimed], settings) -> None:
    settings.SMS_URL = SHORT_LINKS
    sms = message(file).sms
    assert sms is not None
    assert not {"first_name", "names"} & sms.placeholders
    assert "stop" not in file.read_text("utf-8").lower().replace("{{ stop_url }}", "").split("reply")[1:]
    for entrant in everyone:
        seen = sms.look(values_of(file, replace(entrant, bib=entrant.bib and "12345")))
        assert (seen.segments.count, seen.segments.encoding) == (1, "GSM-7"), seen.text
        assert seen.replaced == ()
        assert re.findall(r"https?://\S+", seen.text) == [f"{SHORT_LINKS}/s/{entrant.short_code}"]
        assert seen.text.endswith(entrant.short_code)
        assert "Run Reigate" in seen.text[:30]
        assert not file.stem.startswith("alert-") or "Stop texts: http" in seen.text, (
            "it says what its link is for"
        )
        _reads_well(seen.text, entrant)


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_a_text_is_one_segment_whatever_day_the_race_is_on(
    file: Path, everyone: list[Claimed], settings
) -> None:
    settings.SMS_URL = SHORT_LINKS
    half = replace(next(entrant for entrant in everyone if entrant.race == "half"), bib="12345")
    for day in range(7):
        moved = replace(message(file), date=RACE_DAY + timedelta(days=day))
        assert moved.sms is not None
        values = {**moved.values([half], NOW + timedelta(days=day)), **ALERT}
        assert moved.sms.look(values).segments.count == 1


def test_what_parents_read_fits_a_child_of_any_race_and_any_day_it_leaves(everyone: list[Claimed]) -> None:
    """The step takes in the under-18s of every race, and whoever enters within five days of it gets it late."""
    file = ROOT / "templates" / "email" / "kids-race.md"
    child = next(entrant for entrant in everyone if entrant.race == "kids")
    runner = next(entrant for entrant in everyone if entrant.race == "10k")
    teenager = replace(runner, minor=True, birth_date=date(2010, 1, 1), first_name=child.first_name)
    email = message(file).email
    assert email is not None
    young, older = (email.render({**values_of(file, who), "tips_agreed": "yes"}) for who in (child, teenager))
    for play in ("race the dog", "skip, hop", "have growing pains", "cuddle"):
        assert play in young.text
        assert play not in older.text
    for both in ("Let it be fun", "limps", "For the parents of our young runners"):
        assert both in young.text
        assert both in older.text
    assert young.subject == "For parents: race day is tomorrow"


def test_what_a_child_s_guardian_reads_speaks_of_the_child(everyone: list[Claimed]) -> None:
    child = next(entrant for entrant in everyone if entrant.race == "kids")
    for name in ("kids-race", "race-week", "race-eve"):
        file = ROOT / "templates" / "email" / f"{name}.md"
        email = message(file).email
        assert email is not None
        text = " ".join(email.render(values_of(file, child)).text.split())
        assert f"the parent or guardian of {child.first_name}" in text
        assert "because you entered" not in text
        assert "painkiller" not in text
