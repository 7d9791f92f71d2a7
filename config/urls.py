"""Every address that the web process answers. Pages for 404 and 500 are found by their templates' names."""

from django.urls import URLPattern, URLResolver, include, path

from campaigns.receipts import esp_hooks, twilio_inbound, twilio_status
from campaigns.web import calendar, health, message, metrics, start, stops

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.start, name="start"),
    path("u/<str:token>", stops.by_email, name="email-stop"),
    path("u/<str:token>/calendar.ics", calendar.feed, name="calendar"),
    path("s/<str:code>", stops.by_text, name="text-stop"),
    path("m/<str:code>", message.in_browser, name="message-in-browser"),
    path("hooks/twilio/inbound", twilio_inbound.inbound, name="twilio-inbound"),
    path("hooks/twilio/status/<str:path>", twilio_status.status, name="twilio-status"),
    path("hooks/esp/bounce", esp_hooks.bounce, name="esp-bounce"),
    path("hooks/esp/<str:name>", esp_hooks.event, name="esp-event"),
    path("api/", include("campaigns.api.urls")),
    path("", include("campaigns.web.organiser.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", metrics.metrics),
]
