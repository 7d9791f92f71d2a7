"""Django's settings. Every value comes from the environment; `.env.example` lists them all."""

from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from campaigns import logs
from config import environment

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = environment.key("SECRET_KEY")
SUPPRESSION_KEY = environment.key("SUPPRESSION_KEY")
DEBUG = False
DEMO = environment.flag("AIDSTATION_DEMO")
PUBLIC_URL = environment.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
SMS_URL = environment.text("SMS_URL", PUBLIC_URL).rstrip("/")
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["django.contrib.postgres", "campaigns"]
MIDDLEWARE = [
    "campaigns.web.timing.timed",
    "campaigns.web.headers.page_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "web"],
        "OPTIONS": {"environment": "campaigns.web.environment.trusted"},
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "templates" / "static"
WHITENOISE_ROOT = None

JOURNAL_FOLDER = environment.home() / "journal"

DATABASE_URL = environment.text("DATABASE_URL")
DATABASES = {}
if DATABASE_URL:
    DATABASES["default"] = dj_database_url.parse(DATABASE_URL, conn_max_age=None, conn_health_checks=True)
if DATABASES and DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "DATABASE_URL must name a Postgres database: postgresql://user:password@host/name."
    )
REDIS_URL = environment.text("REDIS_URL")

EMAIL_URL = environment.text("EMAIL_URL")
EMAIL_FROM = environment.text("EMAIL_FROM", "Aid Station <tips@localhost>")
MESSAGE_ID_DOMAIN = EMAIL_FROM.rpartition("@")[2].rstrip("> ") or "localhost"
EMAIL_RATE = environment.rate("EMAIL_RATE")
EMAIL_ESP = environment.one_of("EMAIL_ESP", ("amazon-ses", "postmark", "mailgun"))
ESP_WEBHOOK_SECRET = environment.text("ESP_WEBHOOK_SECRET")
ESP_WEBHOOK_SECRET_PREVIOUS = environment.text("ESP_WEBHOOK_SECRET_PREVIOUS")
MAILGUN_SIGNING_KEY = environment.text("MAILGUN_SIGNING_KEY")
MAILGUN_SIGNING_KEY_PREVIOUS = environment.text("MAILGUN_SIGNING_KEY_PREVIOUS")
EMAIL_CONNECTIONS = environment.count("EMAIL_CONNECTIONS", 4)
TWILIO_ACCOUNT_SID = environment.text("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = environment.text("TWILIO_AUTH_TOKEN")
TWILIO_AUTH_TOKEN_PREVIOUS = environment.text("TWILIO_AUTH_TOKEN_PREVIOUS")
TWILIO_FROM = environment.text("TWILIO_FROM")
TWILIO_MESSAGING_SERVICE_SID = environment.text("TWILIO_MESSAGING_SERVICE_SID")
TWILIO_ALERT_FROM = environment.text("TWILIO_ALERT_FROM")
TWILIO_BASE_URL = environment.text("TWILIO_BASE_URL")
SMS_PRICE = environment.price("SMS_PRICE")
SMS_RATE = environment.rate("SMS_RATE")
if SMS_RATE is None and not TWILIO_BASE_URL:
    # Handed over faster than Twilio sends on, texts wait in their queue, where no alert can overtake them.
    SMS_RATE = 10.0

ALARM_EMAIL = environment.several("ALARM_EMAIL")
ALARM_MOBILE = environment.several("ALARM_MOBILE")
ALARM_PING_URL = environment.web_address("ALARM_PING_URL")
METRICS_TOKEN = environment.text("METRICS_TOKEN")
LOGGING = logs.config()

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
