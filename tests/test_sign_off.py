"""Medical sign-offs: health advice goes out only while a named reviewer stands for its very words."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from people import (
    DUE,
    RACE_DAY,
    REVIEWER,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    elsewhere,
    entrant,
    load,
    names,
    queue,
    the_step,
)

from campaigns import campaign, ledger, rendering, sign_off
from campaigns.campaign import CampaignError
from campaigns.models import Campaign, SignOff, Step, Version
from campaigns.models.words import Channel

DAY = timedelta(days=1)
SENDS_ON = date(2027, 8, 3)


def unsigned(*steps: str, **plan) -> Campaign:
    return load(an_event(), *steps, signed=False, **plan)


def the_version(loaded: Campaign, name: str = "back-warm-up") -> Version:
    return Version.objects.filter(template__event=loaded.event, template__name=name).latest("number")


def sign(version: Version, review_by: date = date(2027, 12, 31), **fields) -> SignOff:
    values = {"reviewer": "Dr A B, GP", "registration": "GMC 1234567", "who": "ann@example.org", **fields}
    return sign_off.sign(version, review_by=review_by, **values)


def a_message(folder, name: str, *, health: bool):
    """A folder with one short email."""
    sources = "  - {title: NHS, url: 'https://www.nhs.uk/', read: 2026-11}"
    head = f"health: true\nsources:\n{sources}\n" if health else ""
    (folder / "email").mkdir(exist_ok=True)
    (folder / "email" / f"{name}.md").write_text(
        f"---\ntopic: Test\npurpose: tips\nsubject: Test\npreheader: Test.\n{head}---\n"
        "# Test\n\nHello {{ names }}.\n"
    )
    return folder


# What is recorded


@time_machine.travel(DUE - 30 * DAY, tick=False)
def test_a_sign_off_says_who_stands_for_which_words_until_when(db):
    version = the_version(unsigned())
    signed = sign(version)
    assert (signed.reviewer, signed.registration) == ("Dr A B, GP", "GMC 1234567")
    assert (signed.signed_at, signed.review_by) == (DUE - 30 * DAY, date(2027, 12, 31))
    assert (signed.entered_by, signed.content_hash) == ("ann@example.org", version.content_hash)
    assert [source["url"] for source in signed.sources][1] == "https://www.nice.org.uk/guidance/ng59"


def test_health_advice_is_known_by_its_head(db, tmp_path):
    folder = a_message(a_message(tmp_path, "advice", health=True), "news", health=False)
    loaded = unsigned(a_step("a", template="advice"), a_step("b", template="news"), folder=folder)
    assert the_version(loaded, "advice").health
    assert not the_version(loaded, "news").health


@pytest.mark.parametrize(
    "reviewer", ["", "   ", "Dr {{ names }}", "Dr A\r\nB", "<b>Dr A</b>", "[[ x ]]", "A" * 121]
)
def test_a_reviewer_is_one_plain_line(db, reviewer):
    with pytest.raises(sign_off.SignOffError, match="The reviewer"):
        sign(the_version(unsigned()), reviewer=reviewer)
    assert not SignOff.objects.exists()


@time_machine.travel(DUE, tick=False)
def test_a_day_that_has_passed_is_refused(db):
    version = the_version(unsigned())
    with pytest.raises(sign_off.SignOffError, match="2 Aug 2027 is past"):
        sign(version, SENDS_ON - DAY)
    sign(version, SENDS_ON)


def test_signing_again_replaces_the_sign_off_and_keeps_its_story(db):
    version = the_version(unsigned())
    sign(version, reviewer="Dr A")
    sign(version, reviewer="Dr B")
    assert sign_off.standing(version.id).reviewer == "Dr B"
    assert list(SignOff.objects.order_by("id").values_list("revoked_by", flat=True)) == [
        "ann@example.org",
        "",
    ]


@pytest.mark.django_db(transaction=True)
def test_two_who_sign_at_once_leave_one_sign_off_standing():
    version = the_version(unsigned())
    with transaction.atomic():
        sign(version)
        other = elsewhere(lambda: sign(version, reviewer="Dr B"))
    other.result(10)
    assert [row.reviewer for row in SignOff.objects.filter(revoked_at=None)] == ["Dr B"]


@pytest.mark.parametrize(
    "change", ["reviewer = 'Dr Else'", "review_by = '2099-01-01'", "content_hash = ''", "version_id = 0"]
)
def test_the_database_lets_a_sign_off_be_revoked_and_nothing_else(db, change):
    sign(the_version(unsigned()))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE sign_offs SET {change}")


def test_what_was_revoked_stays_revoked(db):
    loaded = unsigned()
    sign(the_version(loaded))
    sign_off.revoke(the_version(loaded), "bob@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        SignOff.objects.update(revoked_at=None)


# Approving


def test_health_advice_that_nobody_signed_is_not_approved(db):
    loaded = unsigned(a_step(), a_step("shoes", template="shoes"))
    sign(the_version(loaded, "shoes"))
    with pytest.raises(
        CampaignError, match="email/back-warm-up, version 1 has no medical sign-off"
    ) as refused:
        campaign.approve(loaded, "ann@example.org", [])
    assert f"aidstation template sign-off {loaded.event.slug} email/back-warm-up" in str(refused.value)
    assert set(loaded.steps.values_list("state", flat=True)) == {"waiting"}
    assert campaign.approve(loaded, "ann@example.org", ["shoes"]) == 1


def test_what_is_no_health_advice_needs_no_sign_off(db, tmp_path):
    folder = a_message(tmp_path, "news", health=False)
    loaded = unsigned(a_step(template="news"), folder=folder)
    assert campaign.approve(loaded, "ann@example.org", []) == 1


def test_an_edit_voids_the_sign_off(db, tmp_path):
    folder = a_message(tmp_path, "advice", health=True)
    loaded = load(event := an_event(), a_step(template="advice"), folder=folder)
    source = folder / "email" / "advice.md"
    first = source.read_text()
    for words in (first.replace("Hello", "Dear"), first):
        source.write_text(words)
        load(event, a_step(template="advice"), folder=folder, signed=False)
        with pytest.raises(CampaignError, match="has no medical sign-off"):
            campaign.approve(loaded, "ann@example.org", [])


def test_the_fallback_s_words_need_a_sign_off_too(db):
    words = a_step(channel="sms", template="hydration", more='fallback = "email"')
    loaded = unsigned(words)
    sign(Version.objects.get(template__channel="sms"))
    with pytest.raises(CampaignError, match="email/hydration, version 1 has no medical sign-off"):
        campaign.approve(loaded, "ann@example.org", [])


@pytest.mark.parametrize(("review_by", "approved"), [(SENDS_ON, True), (SENDS_ON - DAY, False)])
@time_machine.travel(DUE - 30 * DAY, tick=False)
def test_a_sign_off_must_count_on_the_day_of_sending(db, review_by, approved):
    loaded = unsigned()
    sign(the_version(loaded), review_by)
    if approved:
        assert campaign.approve(loaded, "ann@example.org", []) == 1
        return
    with pytest.raises(CampaignError, match="ends on 2 Aug 2027, before it is sent on 3 Aug 2027"):
        campaign.approve(loaded, "ann@example.org", [])


@pytest.mark.parametrize(("days_before", "approved"), [(5, True), (6, False)])
@time_machine.travel(DUE - 30 * DAY, tick=False)
def test_that_of_a_catch_up_must_count_as_long_as_late_entrants_get_it(db, days_before, approved):
    loaded = load(an_event(), a_step(), catch_up=True, signed=False)
    sign(the_version(loaded))
    sign(the_version(loaded, "catch-up"), RACE_DAY - days_before * DAY)
    if approved:
        assert campaign.approve(loaded, "ann@example.org", []) == 2
    else:
        with pytest.raises(CampaignError, match="the sign-off of email/catch-up, version 1 ends on 13 Sep"):
            campaign.approve(loaded, "ann@example.org", [])


# Sending


def claimed_at(moment, review_by: date) -> list[list[str]]:
    """Whom a claim finds, of a step approved long ago and signed until a day."""
    loaded = a_campaign(event := an_event(), a_step(latest="9 days"))
    sign(the_version(loaded), review_by)
    step = the_step(loaded)
    queue(step, [entrant(event, first_name="Ana")], latest_at=DUE + 9 * DAY)
    if ledger.next_step(Channel.EMAIL, moment) is None:
        assert claim_at(moment, step).groups == []
        return []
    return names(claim_at(moment, step))


@time_machine.travel(DUE - 30 * DAY, tick=False)
def test_a_sign_off_that_has_run_out_stops_its_step_at_midnight_in_the_race_s_zone(db):
    # London is an hour ahead of UTC in August.
    assert claimed_at(DUE.replace(hour=22, minute=59), SENDS_ON) == [["Ana"]]
    assert claimed_at(DUE.replace(hour=23, minute=0), SENDS_ON) == []


@time_machine.travel(DUE, tick=False)
def test_what_waits_for_a_sign_off_goes_out_once_it_is_renewed(db):
    loaded = a_campaign(event := an_event(), a_step(latest="9 days"))
    sign(version := the_version(loaded), SENDS_ON)
    step = the_step(loaded)
    queue(step, [entrant(event, first_name="Ana")], latest_at=DUE + 9 * DAY)
    assert claim_at(DUE + DAY, step).groups == []
    sign(version, SENDS_ON + DAY)
    assert names(claim_at(DUE + DAY, step)) == [["Ana"]]


def test_a_revoked_sign_off_stops_its_step_and_tells_the_drains(db):
    loaded = a_campaign(event := an_event(), a_step(), a_step("shoes", template="shoes"))
    step = the_step(loaded)
    queue(step, [entrant(event)])
    epoch = ledger.stop_epoch()
    assert sign_off.revoke(the_version(loaded), "bob@example.org") == ["tip"]
    assert ledger.stop_epoch() > epoch
    assert claim_at(DUE, step).groups == []
    stopped = the_step(loaded)
    assert (stopped.state, the_step(loaded, "shoes").state) == ("waiting", "approved")
    assert stopped.state_reason == "The sign-off of email/back-warm-up, version 1 was revoked."


def test_a_step_whose_sign_off_is_gone_is_not_sent_even_while_it_stands_approved(db):
    loaded = a_campaign(event := an_event())
    step = the_step(loaded)
    queue(step, [entrant(event)])
    SignOff.objects.all().delete()
    assert ledger.next_step(Channel.EMAIL, DUE) is None
    assert claim_at(DUE, step).groups == []


def test_the_approved_version_must_be_signed_not_the_newest(db, tmp_path):
    folder = a_message(tmp_path, "advice", health=True)
    loaded = a_campaign(event := an_event(), a_step(template="advice"), folder=folder)
    step = the_step(loaded)
    sign_off.revoke(step.version, "bob@example.org")
    newer = step.template.versions.create(
        number=2, source=step.version.source, content_hash="2", health=True, created_at=DUE
    )
    sign(newer)
    Step.objects.filter(id=step.id).update(state="approved")
    queue(step, [entrant(event)])
    assert claim_at(DUE, step).groups == []


def test_an_alert_is_not_held_by_a_date(db):
    loaded = a_campaign(event := an_event())
    alert = an_alert(loaded)
    alert.version = the_version(loaded)
    alert.save()
    SignOff.objects.all().delete()
    queue(alert, [entrant(event)])
    assert ledger.next_step(Channel.EMAIL, DUE) == alert.id
    assert len(claim_at(DUE, alert).groups) == 1


def test_revoking_what_nobody_signed_is_refused(db):
    with pytest.raises(sign_off.SignOffError, match="no sign-off that could be revoked"):
        sign_off.revoke(the_version(unsigned()), "bob@example.org")


# What the reader sees


def foot(step: Step) -> str:
    email = rendering.message_of(Step.objects.get(id=step.id), Channel.EMAIL).email
    assert email is not None
    return "".join(email.text.fixed)


@time_machine.travel("2027-07-01 23:30+00:00", tick=False)
def test_the_foot_names_the_reviewer_of_these_words_and_no_earlier_one(db):
    loaded = a_campaign(an_event())
    step = the_step(loaded)
    assert f"Reviewed by {REVIEWER} on 2 Jul 2027." in foot(step)
    sign(the_version(loaded))
    assert "Reviewed by Dr A B, GP on 2 Jul 2027." in foot(step)
    assert REVIEWER not in foot(step)
    sign_off.revoke(the_version(loaded), "bob@example.org")
    assert "Reviewed" not in foot(step)
