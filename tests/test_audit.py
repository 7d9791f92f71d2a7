"""The audit log: what an act changed can be read, and nobody can change what was written."""

import json

import pytest
from click.testing import CliRunner
from django.db import DatabaseError, transaction
from people import a_campaign, a_step, an_event

from campaigns import audit, campaign
from campaigns.cli import main
from campaigns.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded():
    found = a_campaign(an_event(slug="race"), a_step())
    audit.record("ada@example.org", "campaign.start", event="race")
    campaign.pause(found)
    audit.record("bo@example.org", "campaign.pause", event="race", reason="rain")
    return found


def test_an_act_shows_what_was_before_and_what_is_after(loaded):
    first, second = audit.read("race")
    assert (first.who, first.changed) == ("ada@example.org", {})
    assert (second.who, second.act, second.detail) == ("bo@example.org", "campaign.pause", {"reason": "rain"})
    assert second.changed["campaign"] == ("live", "paused")


def test_the_command_reads_it(loaded):
    shown = CliRunner().invoke(main, ["audit", "race", "--json"]).output.splitlines()
    assert json.loads(shown[-1])["changed"]["campaign"] == {"before": "live", "after": "paused"}
    plain = CliRunner().invoke(main, ["audit"]).output
    assert "bo@example.org  campaign.pause  race  reason=rain" in plain
    assert "campaign: live → paused" in plain
    assert CliRunner().invoke(main, ["audit", "--since", "2999-01-01"]).output == ""


@pytest.mark.parametrize("act", [lambda rows: rows.update(who="nobody"), lambda rows: rows.delete()])
def test_nobody_changes_or_removes_what_was_written(loaded, act):
    with pytest.raises(DatabaseError), transaction.atomic():
        act(AuditEntry.objects.all())
    assert AuditEntry.objects.count() == 2
