"""How many of a step's deliveries went with another's message, so that pages can count messages too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0032_approved_left_out")]
    operations = [
        migrations.AddField(
            model_name="tally",
            name="carried",
            field=models.JSONField(
                db_default={}, default=dict, help_text="by channel and shown state, those in another's message"
            ),
        ),
    ]
