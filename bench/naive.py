"""The usual way, to compare with: one Celery task a recipient, EmailMultiAlternatives, Django's SMTP backend.

The words, their templates (compiled once) and the table of people are the same. Each task reads its recipient,
renders, opens a connection as Django's backend does, and notes that it was sent.
"""

import os
from dataclasses import replace
from functools import cache

import django
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: E402
from django.db import connection  # noqa: E402

from bench.rendering import an_entrant  # noqa: E402
from campaigns import clock, content, rendering  # noqa: E402
from campaigns.channels.smtp_url import parse_email_url  # noqa: E402
from campaigns.models import Entrant, Step  # noqa: E402
from campaigns.models.words import Channel  # noqa: E402
from worker import broker_url  # noqa: E402

QUEUE = "naive"
TABLE = "CREATE TABLE naive_sent (entrant_id bigint PRIMARY KEY, at timestamptz NOT NULL)"
COMMAND = [
    *("celery", "--quiet", "-A", "bench.naive", "worker", "--loglevel", "WARNING", "--without-gossip"),
    *(
        "--without-mingle",
        "--queues",
        QUEUE,
        "--pool",
        "prefork",
        "--concurrency",
        "2",
        "--hostname",
        "naive@%h",
    ),
]

app = Celery("naive")
app.conf.update(broker_url=broker_url(settings.REDIS_URL), task_default_queue=QUEUE, task_ignore_result=True)


@app.task(name="naive.send")
def send(entrant_id: int, step_id: int) -> None:
    """Sends one recipient their mail."""
    entrant = Entrant.objects.select_related("race").get(id=entrant_id)
    rendered = _rendered(entrant, step_id)
    server = parse_email_url(settings.EMAIL_URL)
    mail = EmailMultiAlternatives(
        rendered.subject,
        rendered.text,
        settings.EMAIL_FROM,
        [entrant.email],
        connection=get_connection(
            "django.core.mail.backends.smtp.EmailBackend", host=server.host, port=server.port
        ),
    )
    mail.attach_alternative(rendered.html, "text/html")
    mail.send()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO naive_sent VALUES (%s, clock_timestamp())", [entrant_id])


def _rendered(entrant: Entrant, step_id: int) -> content.RenderedEmail:
    message = _message(step_id)
    assert message.email is not None
    facts = replace(
        an_entrant(0),
        first_name=entrant.first_name,
        bib=entrant.bib,
        entrant_token=entrant.token,
        race_name=entrant.race.name,
        race_start=entrant.race.start,
    )
    return message.email.render(message.values([facts], clock.now()))


@cache
def _message(step_id: int) -> rendering.Message:
    step = Step.objects.select_related("campaign__event__organiser", "version").get(id=step_id)
    return rendering.message_of(step, Channel.EMAIL)
