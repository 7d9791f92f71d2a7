"""What comes back from providers, what must still be asked of them, and the moves that a receipt brings about."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

MOVES = import_module("campaigns.migrations.0002_guards").MOVES


# The pairs of `ledger.LEGAL_MOVES`; a test holds the two together.
NEW_MOVES = [
    ("due", "delivered"), ("due", "bounced"),
    ("uncertain", "due"), ("unknown", "due"), ("sent", "due"),
    ("failed", "delivered"),
]


def guard(moves):
    """The trigger that lets only these moves pass."""
    pairs = ", ".join(f"('{old}', '{new}')" for old, new in moves)
    return f"""
    DROP TRIGGER deliveries_legal_move ON deliveries;
    CREATE TRIGGER deliveries_legal_move BEFORE UPDATE OF state ON deliveries FOR EACH ROW
        WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({pairs}))
        EXECUTE FUNCTION refuse_move();
    """


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0006_alerts_knock'),
    ]

    operations = [
        migrations.CreateModel(
            name='Enquiry',
            fields=[
                ('delivery', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='enquiry', serialize=False, to='campaigns.delivery')),
                ('attempt', models.IntegerField(help_text='the claim number it was handed over under')),
                ('ref', models.TextField(blank=True, default='', help_text="Twilio's sid; empty for a doubt")),
                ('body_hash', models.TextField(blank=True, default='', help_text="of a doubt's words, where they are known")),
                ('since', models.DateTimeField(help_text='when it was handed over, at the earliest')),
                ('look_at', models.DateTimeField()),
                ('looks', models.SmallIntegerField(default=0)),
            ],
            options={
                'db_table': 'enquiries',
            },
        ),
        migrations.CreateModel(
            name='InboundText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sid', models.TextField(help_text="Twilio's; the same text is taken once", unique=True)),
                ('kind', models.TextField(choices=[('stop', 'Stop'), ('start', 'Start'), ('help', 'Help'), ('text', 'Text')])),
                ('number', models.TextField(blank=True, default='', help_text='E.164; emptied with the body')),
                ('number_hash', models.BinaryField(max_length=32)),
                ('body', models.TextField(blank=True, default='')),
                ('urgent', models.BooleanField(default=False, help_text='speaks of chest pain, collapse or 999')),
                ('answered', models.BooleanField(default=False, help_text='whether our standing answer went back')),
                ('received_at', models.DateTimeField()),
                ('forwarded_at', models.DateTimeField(help_text="when it was mailed to the event's contact", null=True)),
            ],
            options={
                'db_table': 'inbound_texts',
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.TextField()),
                ('delivery', models.BigIntegerField(help_text='id in deliveries')),
                ('attempt', models.IntegerField(help_text='the claim number it was handed over under')),
                ('ref', models.TextField(help_text="the provider's own id: Twilio's sid")),
                ('status', models.TextField(help_text="the provider's word")),
                ('code', models.TextField(blank=True, default='', help_text="the provider's error code")),
                ('standing', models.TextField(choices=[('on_its_way', 'On Its Way'), ('again', 'Again'), ('not_delivered', 'Not Delivered'), ('expired', 'Expired'), ('delivered', 'Delivered')])),
                ('retry_after', models.IntegerField(help_text='seconds to wait before another try is worth it', null=True)),
                ('raw', models.JSONField(help_text='as it came, without addresses and words')),
                ('received_at', models.DateTimeField()),
                ('interpreted_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'receipts',
            },
        ),
        migrations.AddField(
            model_name='delivery',
            name='claim',
            field=models.IntegerField(db_default=0, default=0, help_text='the claim number of its last hand-over, from which a queued retry goes on'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('carrier__isnull', False)), fields=['carrier'], name='deliveries_carried'),
        ),
        migrations.AddIndex(
            model_name='enquiry',
            index=models.Index(fields=['look_at'], name='enquiries_by_time'),
        ),
        migrations.AddField(
            model_name='inboundtext',
            name='entrant',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='inbound_texts', to='campaigns.entrant'),
        ),
        migrations.AddField(
            model_name='inboundtext',
            name='event',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='inbound_texts', to='campaigns.event'),
        ),
        migrations.AddField(
            model_name='inboundtext',
            name='organiser',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='inbound_texts', to='campaigns.organiser'),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(condition=models.Q(('interpreted_at__isnull', True)), fields=['id'], name='receipts_waiting'),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(condition=models.Q(('code', ''), _negated=True), fields=['code'], name='receipts_by_code'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(fields=('delivery', 'attempt', 'ref', 'status'), name='receipts_once'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(('standing__in', ['on_its_way', 'again', 'not_delivered', 'expired', 'delivered'])), name='receipts_standing_word'),
        ),
        migrations.AddIndex(
            model_name='inboundtext',
            index=models.Index(fields=['event', 'received_at'], name='inbound_texts_by_event'),
        ),
        migrations.AddIndex(
            model_name='inboundtext',
            index=models.Index(fields=['number_hash', 'received_at'], name='inbound_texts_by_number'),
        ),
        migrations.AddIndex(
            model_name='inboundtext',
            index=models.Index(condition=models.Q(('forwarded_at__isnull', True), ('kind', 'text')), fields=['id'], name='inbound_texts_to_forward'),
        ),
        migrations.AddConstraint(
            model_name='inboundtext',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['stop', 'start', 'help', 'text'])), name='inbound_texts_kind_word'),
        ),
        migrations.RunSQL(guard([*MOVES, *NEW_MOVES]), guard(MOVES)),
    ]
