"""Medical sign-offs: which versions need one, and who gave it until when."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

# A line of the head; should one stand in a body as well, then a message too many asks for a sign-off.
MARK_HEALTH = r"""
ALTER TABLE versions DISABLE TRIGGER versions_immutable;
UPDATE versions SET health = TRUE WHERE source ~* '(^|\n)health[ \t]*:[ \t]*(true|yes|on)[ \t]*(#[^\n]*)?\r?(\n|$)';
ALTER TABLE versions ENABLE TRIGGER versions_immutable;
"""

ONLY_REVOKED = """
CREATE TRIGGER sign_offs_only_revoked BEFORE UPDATE ON sign_offs FOR EACH ROW
    WHEN (OLD.revoked_at IS NOT NULL
        OR to_jsonb(OLD) - '{revoked_at,revoked_by}'::text[] <> to_jsonb(NEW) - '{revoked_at,revoked_by}'::text[])
    EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_held_deliveries")]
    operations = [
        migrations.AddField(
            model_name="version",
            name="health",
            field=models.BooleanField(
                default=False, help_text="health advice: it needs a sign-off to be sent"
            ),
        ),
        migrations.RunSQL(MARK_HEALTH, ""),
        migrations.CreateModel(
            name="SignOff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reviewer", models.TextField(help_text="as the foot of the email names them")),
                (
                    "registration",
                    models.TextField(blank=True, default="", help_text="role or registration, in words"),
                ),
                ("signed_at", models.DateTimeField()),
                (
                    "review_by",
                    models.DateField(help_text="the last day, in the event's zone, on which it counts"),
                ),
                ("entered_by", models.TextField()),
                (
                    "sources",
                    models.JSONField(
                        help_text="title, url and read of each source, as they stood in the version"
                    ),
                ),
                ("content_hash", models.TextField(help_text="that of the version: what was signed")),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.TextField(blank=True, default="")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sign_offs",
                        to="campaigns.version",
                    ),
                ),
            ],
            options={
                "db_table": "sign_offs",
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("revoked_at__isnull", True)),
                        fields=("version",),
                        name="sign_offs_one_standing",
                    )
                ],
            },
        ),
        migrations.RunSQL(ONLY_REVOKED, "DROP TRIGGER sign_offs_only_revoked ON sign_offs;"),
    ]
