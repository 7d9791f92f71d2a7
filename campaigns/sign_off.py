"""Medical sign-offs: a named reviewer stands for one version until a day. The claim's SQL asks for them again.

A new version has none, so an edit voids it by itself.
"""

from dataclasses import asdict
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from campaigns import clock, content, ledger
from campaigns.content.front_matter import person_date, read_sources
from campaigns.content.placeholders import clean
from campaigns.ledger.opening import OPENABLE
from campaigns.models import SignOff, Step, Version
from campaigns.models.words import StepKind, StepState

LONGEST_NAME = 120


class SignOffError(Exception):
    """One sentence for a person: why this cannot be signed, and what to do."""


@transaction.atomic
def sign(version: Version, *, reviewer: str, registration: str, review_by: date, who: str) -> SignOff:
    """Records that `reviewer` stands for this version until the end of `review_by`; replaces an earlier sign-off.

    `registration` is their role or registration in words, `who` enters it. Raises SignOffError.
    """
    now = clock.now()
    _refuse_unprintable("The reviewer", reviewer, needed=True)
    _refuse_unprintable("The registration", registration)
    if review_by < now.astimezone(version.template.event.zone).date():
        raise SignOffError(f"{person_date(review_by)} is past: give a day by which to look at this again.")
    Version.objects.select_for_update(no_key=True).get(id=version.id)
    _end(version, who)
    return version.sign_offs.create(
        reviewer=clean(reviewer),
        registration=clean(registration),
        signed_at=now,
        review_by=review_by,
        entered_by=who,
        sources=_sources(version),
        content_hash=version.content_hash,
    )


def _refuse_unprintable(what: str, text: str, *, needed: bool = False) -> None:
    """What stands in the foot of every email must be one plain line that no template takes for its own."""
    if needed and not clean(text):
        raise SignOffError(f"{what} needs a name.")
    if len(text) > LONGEST_NAME or not text.isprintable() or set(text) & set("{}[]<>"):
        raise SignOffError(
            f"{what} must be one line of at most {LONGEST_NAME} characters without brackets of any kind but ()."
        )


def _sources(version: Version) -> list[dict[str, Any]]:
    return [asdict(source) for source in read_sources(version.template.name, version.source)]


@transaction.atomic
def revoke(version: Version, who: str) -> list[str]:
    """Ends the sign-off of a version at once and returns the names of the steps that wait for approval again.

    What a drain has in hand is given back before its next hand-over. Raises SignOffError when there is none.
    """
    Version.objects.select_for_update(no_key=True).get(id=version.id)
    if not _end(version, who):
        raise SignOffError(f"{shown(version)} has no sign-off that could be revoked.")
    stopped = stops(version)
    names = list(stopped.values_list("name", flat=True))
    reason = f"The sign-off of {shown(version)} was revoked."
    Step.objects.filter(id__in=stopped.values("id")).update(state=StepState.WAITING, state_reason=reason)
    ledger.bump_stop_signal()
    return names


def stops(version: Version) -> QuerySet[Step]:
    """The steps that stand approved with this version and wait again when its sign-off is revoked."""
    bound = Step.objects.filter(version=version) | Step.objects.filter(fallback_version=version)
    return bound.filter(state__in=OPENABLE).exclude(kind=StepKind.ALERT).order_by("position")


def _end(version: Version, who: str) -> int:
    standing = version.sign_offs.filter(revoked_at=None)
    return standing.update(revoked_at=clock.now(), revoked_by=who)


def standing(version_id: int) -> SignOff | None:
    """The sign-off of a version that was not revoked, whether or not its day has passed."""
    return _standing(version_id).first()


def _standing(version_id: int) -> QuerySet[SignOff]:
    return SignOff.objects.filter(version=version_id, revoked_at=None)


def review_of(version_id: int) -> content.Review | None:
    """What the foot of an email says of its review; None for a version that nobody stands for."""
    found = _standing(version_id).select_related("version__template__event").first()
    if found is None:
        return None
    zone = found.version.template.event.zone
    return content.Review(found.reviewer, found.signed_at.astimezone(zone).date())


def problem(version: Version, day: date) -> str:
    """Why this version may not be sent on `day` (of the event's zone), in words; empty when it may."""
    if not version.health:
        return ""
    found = standing(version.id)
    if found is None:
        return f"{shown(version)} has no medical sign-off"
    if found.review_by < day:
        return (
            f"the sign-off of {shown(version)} ends on {person_date(found.review_by)}, "
            f"before it is sent on {person_date(day)}"
        )
    return ""


def shown(version: Version) -> str:
    """ "email/back-pain, version 3"."""
    return f"{version.template.channel}/{version.template.name}, version {version.number}"
