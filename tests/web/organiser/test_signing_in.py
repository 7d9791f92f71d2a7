"""Passwords, codes and links: who gets in, who does not, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings
from reigate import make_event
from signed_in import browser_of, make_user

from campaigns.accounts import links, members, second_factor
from campaigns.models import AuditEntry, User
from campaigns.models.words import LinkKind, Role

pytestmark = pytest.mark.django_db

PASSWORD = "chalk downs runner"
AT = "2027-08-01T10:00:30Z"


@pytest.fixture
def now() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def person(*roles: Role, password: str = PASSWORD) -> User:
    user = make_user(make_event(), *roles, name="Robin Ashdown")
    user.set_password(password)
    user.save()
    return user


def sign_in(browser: Client, user: User, password: str = PASSWORD, onward: str = "") -> object:
    return browser.post("/sign-in", {"email": user.email, "password": password, "next": onward})


def code_of(user: User) -> str:
    device = TOTPDevice.objects.get(user=user)
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token():06d}"


def with_app(user: User) -> User:
    second_factor.begin(user)
    assert second_factor.confirm(user, code_of(user)) is not None
    # A code counts once: the next one is that of the next half minute.
    TOTPDevice.objects.filter(user=user).update(last_t=-1)
    return user


def test_address_and_password_open_the_page_that_was_asked_for() -> None:
    user, browser = person(Role.EDITOR), Client()
    answer = sign_in(browser, user, onward="/e/run-reigate-2027/")
    assert answer["Location"] == "/e/run-reigate-2027/"  # type: ignore[index]
    assert browser.get("/e/run-reigate-2027/").status_code == 200


def test_the_address_may_be_typed_in_any_case() -> None:
    user, browser = person(Role.EDITOR), Client()
    answer = browser.post("/sign-in", {"email": user.email.upper(), "password": PASSWORD})
    assert answer["Location"] == "/events/"


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "x"])
def test_signing_in_never_leads_elsewhere(onward: str) -> None:
    answer = sign_in(Client(), person(Role.EDITOR), onward=onward)
    assert answer["Location"] == "/events/"  # type: ignore[index]


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer() -> None:
    user = person(Role.EDITOR)
    wrong = Client().post("/sign-in", {"email": user.email, "password": "no"}).content.decode()
    unknown = Client().post("/sign-in", {"email": "nobody@example.org", "password": "no"}).content.decode()
    assert "do not belong together" in wrong
    assert wrong.count("do not belong together") == unknown.count("do not belong together")


def test_after_five_wrong_passwords_even_the_right_one_waits_a_quarter_of_an_hour(
    now: time_machine.Coordinates,
) -> None:
    user, browser = person(Role.EDITOR), Client()
    for _ in range(5):
        answer = sign_in(browser, user, "wrong")
    assert answer.status_code == 429  # type: ignore[attr-defined]
    assert sign_in(browser, user).status_code == 429  # type: ignore[attr-defined]
    now.shift(timedelta(minutes=16))
    assert sign_in(browser, user).status_code == 302  # type: ignore[attr-defined]


def test_a_lock_out_here_does_not_lock_out_elsewhere() -> None:
    user = person(Role.EDITOR)
    for _ in range(6):
        sign_in(Client(REMOTE_ADDR="198.51.100.7"), user, "wrong")
    assert sign_in(Client(REMOTE_ADDR="203.0.113.9"), user).status_code == 302  # type: ignore[attr-defined]


def test_somebody_who_was_made_inactive_stays_out() -> None:
    user = person(Role.EDITOR)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert sign_in(Client(), user).status_code == 200  # type: ignore[attr-defined]


def test_with_an_app_the_password_alone_opens_nothing(now: time_machine.Coordinates) -> None:
    user, browser = with_app(person(Role.OWNER)), Client()
    answer = sign_in(browser, user, onward="/e/run-reigate-2027/")
    assert answer["Location"].startswith("/code?next=")  # type: ignore[index]
    for address in ("/events/", "/e/run-reigate-2027/", "/account"):
        assert browser.get(address)["Location"].startswith("/code?next=")
    assert "not right" in browser.post("/code", {"code": "000000"}).content.decode()
    now.shift(timedelta(minutes=1))
    answer = browser.post("/code", {"code": code_of(user), "next": "/e/run-reigate-2027/"})
    assert answer["Location"] == "/e/run-reigate-2027/"
    assert browser.get("/e/run-reigate-2027/").status_code == 200


def test_a_code_counts_once(now: time_machine.Coordinates) -> None:
    user = with_app(person(Role.OWNER))
    first, second = Client(), Client()
    sign_in(first, user)
    sign_in(second, user)
    code = code_of(user)
    assert first.post("/code", {"code": code}).status_code == 302
    assert second.post("/code", {"code": code}).status_code == 200


def test_a_recovery_code_works_once_and_spaces_do_not_matter(now: time_machine.Coordinates) -> None:
    user = person(Role.OWNER)
    second_factor.begin(user)
    codes = second_factor.confirm(user, code_of(user))
    assert codes is not None
    assert len(set(codes)) == 10
    browser = Client()
    sign_in(browser, user)
    spaced = f" {codes[0][:4]} {codes[0][4:].upper()} "
    assert browser.post("/code", {"code": spaced}).status_code == 302
    again = Client()
    sign_in(again, user)
    assert again.post("/code", {"code": codes[0]}).status_code == 200


def test_setting_up_an_app_shows_the_key_and_then_the_recovery_codes(now: time_machine.Coordinates) -> None:
    user = person(Role.OWNER)
    browser = browser_of(user, code=False)
    assert "<svg" in browser.get("/account/second-factor").content.decode()
    answer = browser.post("/account/second-factor", {"code": code_of(user), "next": "/e/run-reigate-2027/"})
    assert "Keep these recovery codes" in answer.content.decode()
    assert browser.get("/e/run-reigate-2027/").status_code == 200


@pytest.mark.parametrize("waived", [False, True])
def test_the_account_says_whether_the_role_needs_an_app(
    settings: Settings, now: time_machine.Coordinates, waived: bool
) -> None:
    settings.SECOND_FACTOR = not waived
    said = browser_of(person(Role.APPROVER), code=False).get("/account").content.decode()
    assert ("Your role asks for a code from an app as well" in said) is not waived
    assert ("In the demo nobody is asked for a code from an app" in said) is waived


def test_a_stolen_session_without_code_cannot_replace_the_app(now: time_machine.Coordinates) -> None:
    user = with_app(person(Role.EDITOR))
    browser = browser_of(user, code=False)
    assert browser.get("/account/second-factor")["Location"].startswith("/code")
    assert browser.post("/account/recovery-codes")["Location"].startswith("/code")


def test_a_lost_phone_can_be_forgotten_and_ends_the_sessions() -> None:
    user = with_app(person(Role.OWNER))
    browser = browser_of(user)
    assert browser.get("/events/").status_code == 200
    second_factor.reset(user)
    assert browser.get("/events/").status_code == 302
    assert not second_factor.has_one(user)


def test_a_session_outlives_race_day_but_not_three_quiet_days(now: time_machine.Coordinates) -> None:
    browser = browser_of(person(Role.EDITOR))
    for _ in range(6):
        now.shift(timedelta(hours=48))
        assert browser.get("/events/").status_code == 200
    now.shift(timedelta(hours=73))
    assert browser.get("/events/").status_code == 302


def test_after_two_weeks_one_signs_in_again_however_often_one_came(now: time_machine.Coordinates) -> None:
    browser = browser_of(person(Role.EDITOR))
    for _ in range(14):
        now.shift(timedelta(hours=24, minutes=1))
        last = browser.get("/events/")
    assert last.status_code == 302


def test_a_visit_writes_the_session_at_most_once_an_hour(now: time_machine.Coordinates) -> None:
    browser = browser_of(person(Role.EDITOR))
    assert "aidstation" not in browser.get("/events/").cookies
    now.shift(timedelta(minutes=61))
    assert "aidstation" in browser.get("/events/").cookies
    assert "aidstation" not in browser.get("/events/").cookies


def test_a_new_password_ends_the_other_sessions(now: time_machine.Coordinates) -> None:
    user = person(Role.EDITOR)
    here, elsewhere = browser_of(user), browser_of(user)
    answer = here.post("/account", {"old": PASSWORD, "password": "another long one"}, follow=True)
    assert "Everywhere else you are signed out" in answer.content.decode()
    assert here.get("/events/").status_code == 200
    assert elsewhere.get("/events/").status_code == 302


@pytest.mark.parametrize("password", ["short", "123456789012345", "password1234", "robin.ashdown"])
def test_a_weak_password_is_refused_with_the_reason(password: str) -> None:
    user = person(Role.EDITOR)
    answer = browser_of(user).post("/account", {"old": PASSWORD, "password": password})
    assert answer.status_code == 200
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_signing_out_everywhere_means_here_as_well() -> None:
    user = person(Role.EDITOR)
    here, elsewhere = browser_of(user), browser_of(user)
    here.post("/account/sign-out-everywhere")
    assert [browser.get("/events/").status_code for browser in (here, elsewhere)] == [302, 302]


def test_an_invitation_lets_one_choose_a_password_once() -> None:
    user = members.add("new@example.org", "New Person")
    path = links.make(user, LinkKind.JOIN).removeprefix("https://tips.example.org")
    browser = Client()
    assert "Welcome, New Person" in browser.get(path).content.decode()
    assert browser.post(path, {"password": "short"}).status_code == 200
    assert browser.post(path, {"password": PASSWORD})["Location"] == "/events/"
    assert Client().get(path).status_code == 404
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert AuditEntry.objects.filter(act="user.join").exists()


def test_a_link_that_was_opened_by_a_mail_program_still_works(now: time_machine.Coordinates) -> None:
    user = person(Role.EDITOR)
    path = links.make(user, LinkKind.SIGN_IN).removeprefix("https://tips.example.org")
    for _ in range(3):
        assert Client().get(path).status_code == 200
    browser = Client()
    assert browser.post(path).status_code == 302
    assert browser.get("/events/").status_code == 200
    assert Client().post(path).status_code == 404


def test_links_end(now: time_machine.Coordinates) -> None:
    user = person(Role.EDITOR)
    path = links.make(user, LinkKind.SIGN_IN).removeprefix("https://tips.example.org")
    now.shift(timedelta(minutes=16))
    assert Client().post(path).status_code == 404


def test_a_link_to_sign_in_does_not_go_round_the_second_factor(now: time_machine.Coordinates) -> None:
    user = with_app(person(Role.OWNER))
    path = links.make(user, LinkKind.SIGN_IN).removeprefix("https://tips.example.org")
    browser = Client()
    assert browser.post(path)["Location"].startswith("/code")
    assert browser.get("/events/")["Location"].startswith("/code")


def test_a_newer_link_ends_the_older_one() -> None:
    user = members.add("new@example.org", "New Person")
    old, new = (links.make(user, LinkKind.JOIN).removeprefix("https://tips.example.org") for _ in range(2))
    assert (Client().get(old).status_code, Client().get(new).status_code) == (404, 200)


def test_only_the_hash_of_a_link_is_kept() -> None:
    from reigate import dump

    token = links.make(members.add("new@example.org", "New"), LinkKind.JOIN).rpartition("/")[2]
    assert token not in str(dump())


def test_forms_need_a_token(browser: Client) -> None:
    assert browser.post("/sign-in", {"email": "a@example.org", "password": "x"}).status_code == 403


def test_in_the_demo_an_owner_needs_no_second_factor(settings: Settings) -> None:
    settings.SECOND_FACTOR = False
    assert browser_of(person(Role.OWNER), code=False).get("/e/run-reigate-2027/").status_code == 200


def test_the_pages_allow_our_own_script_and_nothing_else() -> None:
    policy = browser_of(person(Role.EDITOR)).get("/events/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
