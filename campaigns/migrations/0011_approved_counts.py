"""How many people a step was for when it was approved, so that one that has grown since can be shown."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0010_fewer_indexes")]
    operations = [
        migrations.AddField(
            model_name="step",
            name="approved_audience",
            field=models.IntegerField(
                blank=True, help_text="confirmed entrants in its audience when it was approved", null=True
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="approved_recipients",
            field=models.IntegerField(
                blank=True, help_text="of these, who would have got it as things stood then", null=True
            ),
        ),
    ]
