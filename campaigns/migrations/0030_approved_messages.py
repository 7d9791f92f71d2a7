"""What an approved step came to in messages, and whom nothing held, so that later counts can be told from them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0029_no_foreign_key_to_entrants")]
    operations = [
        migrations.AddField(
            model_name="step",
            name="approved_ready",
            field=models.IntegerField(
                blank=True, help_text="of its audience then, all but children without a guardian", null=True
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="approved_emails",
            field=models.IntegerField(blank=True, help_text="messages that this came to", null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="approved_texts",
            field=models.IntegerField(blank=True, help_text="messages that this came to", null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="approved_segments",
            field=models.IntegerField(blank=True, help_text="what these texts are paid as", null=True),
        ),
    ]
