"""Lets the tick find what was held and need not wait any more, without a look at what still waits."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_list_mappings")]
    operations = [
        migrations.AddField(
            model_name="delivery",
            name="held_revision",
            field=models.BigIntegerField(
                blank=True,
                help_text="while held: the event's revision at which it was last found to wait",
                null=True,
            ),
        ),
        migrations.RunSQL("UPDATE deliveries SET held_revision = 0 WHERE state = 'held'", ""),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=Q(held_revision__isnull=False),
                fields=["step", "held_revision"],
                name="deliveries_held",
            ),
        ),
    ]
