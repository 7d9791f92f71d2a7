"""`aidstation user`: accounts from the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from django.test import Client
from reigate import make_event

from campaigns.accounts import second_factor
from campaigns.cli import main
from campaigns.models import AuditEntry, User

pytestmark = pytest.mark.django_db


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["user", *words])


def test_the_first_account_gets_in_by_the_printed_link() -> None:
    make_event()
    made = run("create", "Robin@example.org", "--name", "Robin", "--event", "run-reigate-2027", "--json")
    assert made.exit_code == 0, made.output
    link = json.loads(made.output)["link"]
    assert Client().get(link.removeprefix("https://tips.example.org")).status_code == 200
    assert run("list").output.startswith("robin@example.org  Robin (has not chosen a password yet)")
    assert AuditEntry.objects.get(act="user.create").detail["role"] == "owner"


def test_a_second_account_of_the_same_address_is_refused() -> None:
    run("create", "a@example.org", "--name", "A")
    again = run("create", "A@example.org", "--name", "A")
    assert again.exit_code == 1
    assert "has an account already" in again.output


def test_an_unknown_event_makes_no_account() -> None:
    assert run("create", "a@example.org", "--name", "A", "--event", "nowhere").exit_code == 1
    assert not User.objects.exists()


def test_roles_are_given_and_taken() -> None:
    make_event()
    run("create", "a@example.org", "--name", "A", "--event", "run-reigate-2027")
    changed = run(
        "role",
        "a@example.org",
        "--event",
        "run-reigate-2027",
        "--give",
        "viewer",
        "--give",
        "reviewer",
        "--json",
    )
    assert json.loads(changed.output)["roles"] == ["owner", "reviewer", "viewer"]
    last = run("role", "a@example.org", "--event", "run-reigate-2027", "--take", "viewer", "--take", "owner")
    assert last.exit_code == 1
    assert "needs an owner" in last.output
    assert sorted(User.objects.get().memberships.values_list("role", flat=True)) == [
        "owner",
        "reviewer",
        "viewer",
    ]


def test_a_link_for_who_forgot_the_password_and_a_reset_for_who_lost_the_phone() -> None:
    run("create", "a@example.org", "--name", "A")
    assert "/join/" in run("login-link", "a@example.org").output
    user = User.objects.get()
    user.set_password("chalk downs runner")
    user.save()
    assert "/enter/" in run("login-link", "a@example.org").output
    second_factor.begin(user)
    assert run("reset-otp", "a@example.org").exit_code == 0
    assert not second_factor.has_one(user)
    assert run("login-link", "nobody@example.org").exit_code == 1
