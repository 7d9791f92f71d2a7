"""`aidstation event` makes, moves and cancels events; `aidstation suppress` closes addresses by hand."""

from __future__ import annotations

import json
from datetime import date, time
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from reigate import dump, make_entrant, make_event, make_organiser, revision_of

from campaigns import addresses, audience
from campaigns.cli.event import event
from campaigns.cli.suppress import SCOPES, suppress
from campaigns.models import AuditEntry, Event, Organiser, Race, Suppression, Wave
from campaigns.models.words import Scope

pytestmark = pytest.mark.django_db

REIGATE = {
    "--slug": "run-reigate-2027",
    "--name": "Run Reigate 2027",
    "--date": "2027-09-19",
    "--race": ["half=09:15", "10k=10:00", "kids=12:30"],
}


@pytest.fixture(autouse=True)
def known_key() -> None:
    """The first command on a new database stores the key's canary; no test here is about that."""
    addresses.check_key()


def run(command: click.Group, *words: str, **keywords: Any) -> Result:
    return CliRunner().invoke(command, [*words, "--as", "kim@example.com"], **keywords)


def create(*extra: str, **changed: str | list[str]) -> Result:
    options = {**REIGATE, **{f"--{name}": value for name, value in changed.items()}}
    words = [
        word
        for name, values in options.items()
        for value in ([values] if isinstance(values, str) else values)
        for word in (name, value)
    ]
    return run(event, "create", *words, *extra)


def refused(result: Result) -> str:
    """The one sentence of a refusal; nothing was printed for scripts and nothing is left of the event."""
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    return line


def test_create_makes_the_event_with_its_races() -> None:
    result = create("--contact", "hello@runreigate.example", "--venue", "Priory Park")
    assert result.exit_code == 0, result.output
    made = Event.objects.get()
    assert (made.date, made.timezone, made.venue) == (date(2027, 9, 19), "Europe/London", "Priory Park")
    assert list(made.races.order_by("id").values_list("slug", "name", "start", "for_children")) == [
        ("half", "Half Marathon", time(9, 15), False),
        ("10k", "10K", time(10), False),
        ("kids", "Kids Race", time(12, 30), True),
    ]
    assert AuditEntry.objects.get().who == "kim@example.com"


def test_create_prints_what_it_made_for_scripts() -> None:
    made = json.loads(create("--json").stdout)
    assert (made["slug"], made["date"], made["organiser"]) == (
        "run-reigate-2027",
        "2027-09-19",
        "run-reigate",
    )
    assert made["races"][0] == {
        "slug": "half",
        "name": "Half Marathon",
        "start": "09:15",
        "for_children": False,
        "entrants": 0,
        "waves": [],
    }


def test_a_race_can_be_named_and_made_for_children() -> None:
    create("--race-name", "half=The Downs Half", "--children", "10k")
    assert Race.objects.get(slug="half").name == "The Downs Half"
    assert set(Race.objects.filter(for_children=True).values_list("slug", flat=True)) == {"10k"}


def test_a_second_edition_belongs_to_the_same_organiser() -> None:
    create()
    assert create(slug="run-reigate-2028", date="2028-09-17").exit_code == 0
    assert Organiser.objects.count() == 1


def test_a_mistyped_organiser_does_not_become_a_new_one() -> None:
    create()
    message = refused(create("--organiser", "run-regate", slug="another"))
    assert "did you mean 'run-reigate'?" in message
    assert Organiser.objects.count() == 1
    assert create("--organiser-name", "Dorking Runners", slug="another").exit_code == 0
    assert Event.objects.get(slug="another").organiser.slug == "dorking-runners"


def test_among_several_organisers_one_must_be_named() -> None:
    make_organiser()
    make_organiser("dorking", "Dorking Runners")
    assert "--organiser: dorking, run-reigate" in refused(create())
    assert create("--organiser", "dorking").exit_code == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"date": "19/09/2027"}, "is not a date"),
        ({"date": "2027-02-30"}, "is not a date"),
        ({"timezone": "Europe/Londn"}, "did you mean 'Europe/London'?"),
        ({"timezone": "new york"}, "did you mean 'America/New_York'?"),
        ({"timezone": "../../etc/passwd"}, "is not a time zone"),
        ({"race": "half=25:00"}, "is not a start for half"),
        ({"race": "half"}, "write it like half=09:15"),
        ({"race": ["half=09:15", "HALF=10:00"]}, "given twice"),
        ({"race": "Ha lf=09:15"}, "cannot be used for --race"),
        ({"slug": "Run Reigate"}, "cannot be used for --slug"),
        ({"contact": "nobody"}, "--contact"),
        ({"contact": "a@example.org\nBcc: b@example.org"}, "--contact"),
        ({"info-url": "javascript:alert(1)"}, "--info-url must be a web address"),
        ({"colour": "red"}, "six hex digits"),
        ({"children": "10 k"}, "no race '10 k'"),
        ({"race-name": "haf=Half"}, "did you mean 'half'?"),
    ],
)
def test_create_refuses_with_one_sentence_and_makes_nothing(
    changed: dict[str, str | list[str]], words: str
) -> None:
    assert words in refused(create(**changed))
    assert not Event.objects.exists()
    assert not Organiser.objects.exists()


@pytest.mark.parametrize("word", sorted(audience.RESERVED_WORDS))
def test_no_race_is_called_like_a_word_of_audiences(word: str) -> None:
    assert word in refused(create(race=f"{word}=09:15"))


def test_a_slug_that_is_taken_is_refused_and_nothing_changes() -> None:
    create()
    before = dump()
    assert "already an event 'run-reigate-2027'" in refused(create(name="Another"))
    assert dump() == before


def test_waves_are_added_and_a_changed_start_dates_the_plan_anew() -> None:
    found = make_event()
    version, revision = found.plan_version, revision_of(found)
    assert run(event, "wave", found.slug, "10k", "A=10:00", "Pen 2=10:05").exit_code == 0
    assert run(event, "wave", found.slug, "10K", "a=10:10").exit_code == 0
    assert set(Wave.objects.values_list("name", "start")) == {("A", time(10, 10)), ("Pen 2", time(10, 5))}
    found.refresh_from_db()
    assert (found.plan_version, found.revision) == (version + 2, revision + 2)


def test_waves_that_are_as_given_change_nothing() -> None:
    found = make_event()
    run(event, "wave", found.slug, "10k", "A=10:00")
    before = dump()
    assert "nothing to change" in run(event, "wave", found.slug, "10k", "A=10:00").output
    assert dump() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "10k", "A=10:00"), "no event 'nowhere'"),
        (("run-reigate-2027", "half", "A=10:00"), "no race 'half'"),
        (("run-reigate-2027", "10k", "A=10:00", "B=ten"), "not a start for wave B"),
        (("run-reigate-2027", "10k", "A=10:00", "a=10:05"), "given twice"),
    ],
)
def test_waves_refuse_and_leave_everything_as_it_was(words: tuple[str, ...], message: str) -> None:
    make_event()
    before = dump()
    assert message in refused(run(event, "wave", *words))
    assert dump() == before


def test_move_changes_the_date_and_is_audited() -> None:
    found = make_event()
    result = run(event, "move", found.slug, "--date", "2027-09-26", "--json")
    assert json.loads(result.stdout) == {"event": found.slug, "date": "2027-09-26", "ask_again": 0}
    found.refresh_from_db()
    assert (found.date, found.plan_version) == (date(2027, 9, 26), 2)
    assert AuditEntry.objects.get().detail == {"before": "2027-09-19", "after": "2027-09-26", "ask_again": 0}


def test_cancel_asks_first() -> None:
    found = make_event()
    before = dump()
    assert run(event, "cancel", found.slug, input="n\n").exit_code == 1
    assert dump() == before
    assert run(event, "cancel", found.slug, "--yes").exit_code == 0
    found.refresh_from_db()
    assert found.cancelled_at is not None


def test_list_and_show_tell_what_is_there_and_change_nothing() -> None:
    found = make_event()
    make_entrant(found)
    run(event, "wave", found.slug, "10k", "A=10:00")
    before = dump()
    listed, shown = (CliRunner().invoke(event, words) for words in (["list"], ["show", found.slug]))
    assert "run-reigate-2027  Sun 19 Sep 2027  Run Reigate 2027" in listed.stdout
    assert "10k: 10K, 10:00, A 10:00, 1 entrants" in shown.stdout
    (told,) = json.loads(CliRunner().invoke(event, ["list", "--json"]).stdout)
    assert told["races"][0]["waves"] == [{"name": "A", "start": "10:00"}]
    assert dump() == before


def test_an_unknown_event_names_the_nearest() -> None:
    make_event()
    assert "did you mean 'run-reigate-2027'?" in refused(
        CliRunner().invoke(event, ["show", "run-reigate-27"])
    )


@pytest.mark.parametrize(
    ("address", "channel"),
    [("Zoe@EXAMPLE.com", "email"), ("07700 900123", "sms"), ("+44 (0)7700 900123", "sms")],
)
def test_suppress_finds_the_entrant_by_whatever_spelling(address: str, channel: str) -> None:
    entrant = make_entrant(make_event())
    assert run(suppress, "add", address, "--organiser", "run-reigate").exit_code == 0
    row = Suppression.objects.get()
    expected = entrant.email_hash if channel == "email" else entrant.mobile_hash
    assert (row.channel, bytes(row.address_hash)) == (channel, bytes(expected or b""))
    assert (row.scope, row.reason) == ("tips_and_sponsor", "by_hand")
    assert run(suppress, "remove", address, "--organiser", "run-reigate").exit_code == 0
    assert not Suppression.objects.exists()


def test_suppress_never_writes_the_address_down() -> None:
    make_event()
    run(suppress, "add", "zoe@example.com", "--organiser", "run-reigate", "--scope", "all", "--json")
    assert "zoe" not in json.dumps(dump())


def test_remove_takes_one_scope_or_all() -> None:
    make_event()
    for scope in SCOPES:
        run(suppress, "add", "zoe@example.com", "--organiser", "run-reigate", "--scope", scope)
    remove = ("remove", "zoe@example.com", "--organiser", "run-reigate", "--json")
    assert json.loads(run(suppress, *remove, "--scope", "all").stdout)["removed"] == 1
    assert json.loads(run(suppress, *remove).stdout)["removed"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "zoe@", "--organiser", "run-reigate"), "not an email address"),
        (("add", "hello", "--organiser", "run-reigate"), "neither"),
        (("add", "zoe@example.com", "--organiser", "nobody"), "no organiser 'nobody'"),
        (("remove", "zoe@example.com", "--organiser", "run-reigate"), "is not closed"),
    ],
)
def test_suppress_refuses_with_one_sentence_and_changes_nothing(words: tuple[str, ...], message: str) -> None:
    make_event()
    before = dump()
    assert message in refused(run(suppress, *words))
    assert dump() == before


def test_the_scopes_are_the_words_of_the_database() -> None:
    assert set(Scope.values) == set(SCOPES)


def test_a_race_is_added() -> None:
    create()
    added = run(event, "race", "run-reigate-2027", "5k=09:25", "--json")
    assert added.exit_code == 0, added.output
    assert Race.objects.get(slug="5k").name == "5K"
    assert AuditEntry.objects.get(act="event.race").detail == {"race": "5k"}
    again = run(event, "race", "run-reigate-2027", "5k=09:30")
    assert (again.exit_code, "There is a race '5k' already" in again.output) == (1, True)
    assert run(event, "race", "run-reigate-2027", "all=09:30").exit_code == 1


def test_a_race_is_renamed_and_another_removed() -> None:
    create()
    renamed = run(event, "rename-race", "run-reigate-2027", "half", "21K")
    assert renamed.output == "Half Marathon is called 21K from now on.\n"
    removed = run(event, "remove-race", "run-reigate-2027", "kids", "--json")
    assert json.loads(removed.stdout) == {"event": "run-reigate-2027", "removed": "kids"}
    assert dict(Race.objects.values_list("slug", "name")) == {"half": "21K", "10k": "10K"}
    noted = list(AuditEntry.objects.order_by("id").values_list("act", flat=True))
    assert noted[-2:] == ["event.race.rename", "event.race.remove"]
    assert "There is no race 'kids'" in refused(run(event, "remove-race", "run-reigate-2027", "kids"))


def test_the_time_zone_is_changed_and_the_nearest_named() -> None:
    create()
    assert "did you mean 'Europe/Madrid'" in refused(run(event, "timezone", "run-reigate-2027", "Madrid"))
    changed = run(event, "timezone", "run-reigate-2027", "Europe/Madrid")
    assert changed.output == "All times are by the clocks of Europe/Madrid.\n"
    assert Event.objects.get().timezone == "Europe/Madrid"
    assert AuditEntry.objects.latest("id").act == "event.timezone"
