"""The second factor: an authenticator app's six figures, and ten recovery codes for when the phone is away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.db import transaction
from django_otp import match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from campaigns.models import User

RECOVERY_CODES = 10


def has_one(user: User) -> bool:
    """Whether this person has set up an authenticator app."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def who_has_one(users: Iterable[User]) -> set[int]:
    """The numbers of those who have set up an app, in one query."""
    devices = TOTPDevice.objects.filter(user__in=list(users), confirmed=True)
    return set(devices.values_list("user_id", flat=True))


def begin(user: User) -> TOTPDevice:
    """The key to put into an app; the same one until it is confirmed, so that a reloaded page shows no other."""
    found = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("id").first()
    return cast(TOTPDevice, found or TOTPDevice.objects.create(user=user, name="app", confirmed=False))


@transaction.atomic
def confirm(user: User, code: str) -> list[str] | None:
    """Makes the begun key the one that counts, if `code` is its; returns fresh recovery codes, else None."""
    waiting = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).order_by("id").first()
    if waiting is None or not waiting.verify_token(_plain(code)):
        return None
    TOTPDevice.objects.filter(user=user).exclude(pk=waiting.pk).delete()
    TOTPDevice.objects.filter(pk=waiting.pk).update(confirmed=True)
    return new_recovery_codes(user)


def check(user: User, code: str) -> bool:
    """Whether this is a code of this person's app or an unused recovery code; wrong ones slow down the next try."""
    return match_token(user, _plain(code)) is not None


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """Ten new codes that work once each; the old ones end."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


@transaction.atomic
def reset(user: User) -> None:
    """Forgets app and codes, for a lost phone, and ends the person's sessions."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    end_sessions(user)


def end_sessions(user: User) -> None:
    """Signs the person out everywhere."""
    User.objects.filter(pk=user.pk).update(session_era=user.session_era + 1)


def _plain(code: str) -> str:
    """Apps show figures in groups; people type them so."""
    return "".join(code.split()).lower()
