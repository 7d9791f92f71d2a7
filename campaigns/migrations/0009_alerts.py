"""Alerts, their releases, the staff of an event, and how many people arming one needs."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0008_erasure'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField()),
                ('position', models.IntegerField()),
                ('expires', models.DurationField(help_text='worth reading for so long after the press')),
                ('in_plan', models.BooleanField(default=True, help_text='false once the plan has it no more')),
                ('values', models.JSONField(blank=True, default=dict, help_text='of typed placeholders, as they are printed')),
                ('armed_hash', models.TextField(blank=True, default='', help_text='of all that was armed: an edit un-arms')),
                ('armed_by', models.TextField(blank=True, default='')),
                ('armed_at', models.DateTimeField(blank=True, null=True)),
                ('confirmed_by', models.TextField(blank=True, default='')),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('tested_at', models.DateTimeField(blank=True, help_text='last sent to the staff as a test', null=True)),
            ],
            options={
                'db_table': 'alerts',
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='Release',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.IntegerField()),
                ('token', models.TextField(help_text='of the press: a second one with the same token is the same press')),
                ('values', models.JSONField(blank=True, default=dict)),
                ('expires', models.DurationField()),
                ('pressed_at', models.DateTimeField()),
                ('pressed_by', models.TextField()),
                ('armed_by', models.TextField()),
                ('confirmed_by', models.TextField(blank=True, default='', help_text='empty where one approver is enough')),
            ],
            options={
                'db_table': 'releases',
            },
        ),
        migrations.CreateModel(
            name='StaffContact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField()),
                ('email', models.TextField(blank=True, default='')),
                ('mobile', models.TextField(blank=True, default='', help_text='E.164')),
            ],
            options={
                'db_table': 'staff_contacts',
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='event',
            name='alert_approvers',
            field=models.SmallIntegerField(default=2, help_text='people that arming an alert needs: 2, or 1 where there is only one'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(('alert_approvers__in', [1, 2])), name='events_one_or_two_approvers'),
        ),
        migrations.AddField(
            model_name='alert',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='alert',
            name='email_template',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.template'),
        ),
        migrations.AddField(
            model_name='alert',
            name='email_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.version'),
        ),
        migrations.AddField(
            model_name='alert',
            name='sms_template',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.template'),
        ),
        migrations.AddField(
            model_name='alert',
            name='sms_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.version'),
        ),
        migrations.AddField(
            model_name='release',
            name='alert',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='releases', to='campaigns.alert'),
        ),
        migrations.AddField(
            model_name='step',
            name='release',
            field=models.ForeignKey(blank=True, help_text='the press of an alert that this step carries out', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='campaigns.release'),
        ),
        migrations.AddField(
            model_name='staffcontact',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='staff', to='campaigns.event'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('campaign', 'name'), name='alerts_one_name'),
        ),
        migrations.AddConstraint(
            model_name='release',
            constraint=models.UniqueConstraint(fields=('alert', 'number'), name='releases_one_number'),
        ),
        migrations.AddConstraint(
            model_name='release',
            constraint=models.UniqueConstraint(fields=('alert', 'token'), name='releases_one_token'),
        ),
        migrations.AddConstraint(
            model_name='staffcontact',
            constraint=models.UniqueConstraint(fields=('event', 'name'), name='staff_contacts_one_name'),
        ),
        migrations.AddConstraint(
            model_name='staffcontact',
            constraint=models.CheckConstraint(condition=models.Q(('email', ''), ('mobile', ''), _negated=True), name='staff_contacts_reachable'),
        ),
    ]
