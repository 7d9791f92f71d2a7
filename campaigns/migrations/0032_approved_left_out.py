"""Why somebody did not get a step as it was approved, so that one that reaches nobody can say so later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0031_staff_copies")]
    operations = [
        migrations.AddField(
            model_name="step",
            name="approved_left_out",
            field=models.JSONField(
                db_default={}, default=dict, help_text="how many of its audience did not get it then, by reason"
            ),
        ),
    ]
