"""Lets an alert try a provider that is taken for stopped without waiting for a probe."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_sign_offs")]
    operations = [
        migrations.AddField(
            model_name="circuit",
            name="alert_knocks_at",
            field=models.DateTimeField(
                blank=True,
                help_text="while open: when an alert may try again; it waits for no probe",
                null=True,
            ),
        ),
    ]
