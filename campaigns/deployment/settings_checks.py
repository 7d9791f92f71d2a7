"""What the environment says, by itself: nobody is asked."""

from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings

from campaigns import providers
from campaigns.checking import Check, good, look, wrong
from campaigns.models.words import Channel
from config import environment

MAKE_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


def checks() -> Iterator[Check]:
    """All of them, in the order in which one sets a station up."""
    yield _demo()
    yield _public_url()
    yield _cookies()
    yield _key("SECRET_KEY", "secret_key", "processes on other machines would sign people out")
    yield _key("SUPPRESSION_KEY", "suppression_key", "with it every opt-out would be lost")
    yield _server("DATABASE_URL", "database_url", "Postgres")
    yield _server("REDIS_URL", "redis_url", "Redis")
    yield _email()
    yield _sender()
    yield _twilio()
    yield _reports()
    yield _alarm()
    yield _metrics()


def _demo() -> Check:
    if settings.DEMO:
        return wrong("demo", "This is the demo: it sends to this machine alone.", "Unset AIDSTATION_DEMO.")
    return good("demo", "This is not the demo.")


def _public_url() -> Check:
    parts = urlsplit(settings.PUBLIC_URL)
    cure = "Set PUBLIC_URL to the address that runners and Twilio reach, such as https://tips.example.org."
    if parts.scheme != "https":
        return wrong(
            "public_url", f"PUBLIC_URL is {settings.PUBLIC_URL}: links would go without encryption.", cure
        )
    if providers.is_loopback(parts.hostname or ""):
        return wrong("public_url", "PUBLIC_URL names this machine: no link would work on a phone.", cure)
    return good("public_url", f"Links start with {settings.PUBLIC_URL}.")


def _cookies() -> Check:
    if not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE and settings.SECURE_HSTS_SECONDS):
        return wrong(
            "cookies",
            "Cookies of those who sign in would go without encryption.",
            "Set PUBLIC_URL to https://…",
        )
    return good("cookies", "Cookies go over https alone, and browsers are told to stay there (HSTS).")


def _key(variable: str, name: str, otherwise: str) -> Check:
    value = environment.text(variable)
    if not value:
        where = environment.home() / "keys" / variable.lower()
        return wrong(
            name,
            f"{variable} was made by itself and lies in {where} alone: {otherwise}.",
            f"Set {variable} to what stands in that file (before the first start: to what {MAKE_KEY} prints), "
            "and keep it where your other secrets are.",
        )
    if len(value) < 32:
        return wrong(
            name,
            f"{variable} is shorter than 32 characters.",
            f"Before the first start, set what {MAKE_KEY} prints.",
        )
    return good(name, f"{variable} is set.")


def _server(variable: str, name: str, called: str) -> Check:
    url = getattr(settings, variable)
    if not url or str(environment.home()) in url.replace("%2F", "/"):
        return wrong(
            name,
            f"{called} is the embedded one, for demo and trials.",
            f"Set {variable} to a {called} that is kept up and backed up.",
        )
    return good(name, f"{called} is one of your own.")


def _email() -> Check:
    if problem := providers.problem(Channel.EMAIL):
        return wrong("email_url", problem, "Set EMAIL_URL as your mail provider gives it.")
    return good("email_url", "EMAIL_URL names a mail server.")


def _sender() -> Check:
    name, address = parseaddr(settings.EMAIL_FROM)
    domain = address.rpartition("@")[2]
    if "." not in domain:
        return wrong(
            "email_from",
            f"EMAIL_FROM is '{settings.EMAIL_FROM}': no mail server takes that.",
            'Set EMAIL_FROM="Run Reigate <tips@example.org>".',
        )
    if not name:
        return look(
            "email_from",
            f"Mails come from {address} without a name.",
            'Write EMAIL_FROM="Run Reigate <tips@…>".',
        )
    return good("email_from", f"Mails come from {settings.EMAIL_FROM}.")


def _twilio() -> Check:
    if problem := providers.problem(Channel.SMS):
        return wrong(
            "twilio",
            problem,
            "Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM.",
        )
    return good("twilio", "Twilio's account and a sender are set.")


def _reports() -> Check:
    proof = settings.MAILGUN_SIGNING_KEY if settings.EMAIL_ESP == "mailgun" else settings.ESP_WEBHOOK_SECRET
    if not settings.EMAIL_ESP:
        return look(
            "reports",
            "Nobody reports bounces and complaints of emails.",
            "Set EMAIL_ESP, or send bounce mails to the hook: docs/reports.md.",
        )
    if not proof:
        return wrong(
            "reports",
            f"Reports of {settings.EMAIL_ESP} would be refused: nothing proves them.",
            "Set ESP_WEBHOOK_SECRET (Mailgun: MAILGUN_SIGNING_KEY).",
        )
    return good("reports", f"{settings.EMAIL_ESP} reports what becomes of emails.")


def _alarm() -> Check:
    if not settings.ALARM_EMAIL and not settings.ALARM_MOBILE:
        return look(
            "alarm", "Alarms go to the staff contacts of events alone.", "Set ALARM_EMAIL and ALARM_MOBILE."
        )
    if not settings.ALARM_PING_URL:
        return look(
            "alarm",
            "Nobody outside notices when this whole machine is gone.",
            "Set ALARM_PING_URL: docs/watch.md.",
        )
    return good("alarm", "Alarms have somewhere to go, and somebody outside listens.")


def _metrics() -> Check:
    if not settings.METRICS_TOKEN:
        return look(
            "metrics",
            "/metrics answers this machine alone.",
            "Set METRICS_TOKEN if Prometheus runs elsewhere.",
        )
    return good("metrics", "/metrics asks for a token.")
