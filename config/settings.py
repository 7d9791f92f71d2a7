"""Django's settings. Every value comes from the environment; `.env.example` lists them all."""

from datetime import timedelta
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

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "axes",
    "campaigns",
]
MIDDLEWARE = [
    "campaigns.web.timing.timed",
    "campaigns.web.headers.page_headers",
    "django.middleware.security.SecurityMiddleware",
    "campaigns.web.hooks.straight",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "campaigns.web.slashes.without_slash",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "web"],
        "OPTIONS": {
            "environment": "campaigns.web.environment.trusted",
            "context_processors": ["django.contrib.messages.context_processors.messages"],
        },
    }
]
FILE_UPLOAD_HANDLERS = ["campaigns.web.uploading.BoundedUpload"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "templates" / "static"
WHITENOISE_ROOT = None

JOURNAL_FOLDER = environment.home() / "journal"
STOPS_FILE = environment.home() / "stops" / "stops.jsonl"

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

AUTH_USER_MODEL = "campaigns.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{rule}", "OPTIONS": options}
    for rule, options in (
        ("MinimumLengthValidator", {"min_length": 12}),
        ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "sign-in"
SECOND_FACTOR = not DEMO
"""Whether owners and approvers need one; the demo is for one machine and has no telephones."""

SESSION_COOKIE_NAME = "aidstation"
SESSION_COOKIE_AGE = 72 * 3600
"""Seconds since the last visit: whoever signs in on Friday is still there on race day."""
HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
"""Our proxy says by it that the visitor came over https; over http browsers do not listen to what follows from it."""
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "campaigns.web.organiser.refusals.stale_form"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "campaigns.web.organiser.refusals.locked_out"
AXES_CLIENT_IP_CALLABLE = "campaigns.web.guessing.client_address"
AXES_USERNAME_FORM_FIELD = "username"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "email"]
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
"""Its middleware is left out: the sign-in page answers for itself when the backend refuses."""
OTP_TOTP_ISSUER = "Aid Station"
