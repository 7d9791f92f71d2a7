from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

WORDS = [
    ('', 'None'), ('no_consent', 'No Consent'), ('suppressed', 'Suppressed'), ('withdrawn', 'Withdrawn'),
    ('no_address', 'No Address'), ('not_mobile', 'Not Mobile'), ('minor', 'Minor'),
    ('missing_value', 'Missing Value'), ('too_late', 'Too Late'), ('covered', 'Covered'),
    ('not_in_audience', 'Not In Audience'), ('cancelled', 'Cancelled'), ('provider_refused', 'Provider Refused'),
    ('expired', 'Expired'), ('restored', 'Restored'),
]


class Migration(migrations.Migration):
    # The constraint is checked without a lock that stops sending.
    atomic = False
    dependencies = [('campaigns', '0018_readiness')]
    operations = [
        migrations.CreateModel(
            name='Restoration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('backup_at', models.DateTimeField()),
                ('restored_at', models.DateTimeField()),
                ('last_entrant', models.BigIntegerField(help_text="the highest id at the backup: those above are other people's now")),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={'db_table': 'restorations'},
        ),
        migrations.RemoveConstraint(model_name='delivery', name='deliveries_reason_word'),
        migrations.AlterField(
            model_name='delivery',
            name='reason',
            field=models.TextField(blank=True, choices=WORDS, default=''),
        ),
        AddConstraintNotValid(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', [word for word, _ in WORDS])), name='deliveries_reason_word'),
        ),
        ValidateConstraint(model_name='delivery', name='deliveries_reason_word'),
    ]
