"""The people who sign in, what they are to each event, and the links that let them in once."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import CheckConstraint, F, UniqueConstraint
from django.db.models.functions import Lower

from campaigns.models.events import Event
from campaigns.models.words import LinkKind, Role, one_of


class Users(BaseUserManager["User"]):
    """Finds people by address, in whatever case they typed it."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in: an organiser's colleague, never a runner."""

    email = models.CharField(max_length=254, unique=True, help_text="lower case")
    name = models.TextField()
    may_create_events = models.BooleanField(default=False)
    session_era = models.IntegerField(default=0, help_text="rises to end all of the person's sessions")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Users] = Users()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        db_table = "users"
        constraints = [CheckConstraint(name="users_email_lower", condition=models.Q(email=Lower(F("email"))))]

    def __str__(self) -> str:
        return f"user {self.pk}"

    def get_session_auth_hash(self) -> str:
        return f"{super().get_session_auth_hash()}.{self.session_era}"

    def get_session_auth_fallback_hash(self) -> Any:
        return (f"{found}.{self.session_era}" for found in super().get_session_auth_fallback_hash())


class Membership(models.Model):
    """One thing that a person is to an event; somebody may be several."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.TextField(choices=Role.choices)

    class Meta:
        db_table = "memberships"
        constraints = [
            UniqueConstraint(fields=["user", "event", "role"], name="memberships_once"),
            one_of("memberships", "role", Role),
        ]


class OneTimeLink(models.Model):
    """A link that lets one person in once: to choose a password, or to sign in. Only its hash is kept."""

    digest = models.BinaryField(max_length=32, unique=True)
    kind = models.TextField(choices=LinkKind.choices)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="links")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "one_time_links"
        constraints = [one_of("one_time_links", "kind", LinkKind)]
