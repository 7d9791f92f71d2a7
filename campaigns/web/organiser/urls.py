"""The addresses of the organisers' pages. Those of one event stand under `/e/<slug>/`."""

from django.urls import URLPattern, URLResolver, include, path

from campaigns.web.organiser import (
    account,
    alert,
    api_tokens,
    event_new,
    events,
    live_page,
    people_urls,
    race_day,
    report_page,
    signing_in,
)

of_an_event: list[URLPattern | URLResolver] = [
    path("", include("campaigns.web.organiser.course_urls")),
    path("messages/", include("campaigns.web.organiser.message_urls")),
    path("live/", live_page.live_page, name="live"),
    path("live/figures", live_page.live_figures, name="live-figures"),
    path("report/", report_page.report_page, name="report"),
    path("report/steps.csv", report_page.steps_csv, name="report-steps"),
    path("report/deliveries.csv", report_page.deliveries_csv, name="report-deliveries"),
    path("api/", api_tokens.api_tokens, name="api-tokens"),
    path("api/<str:handle>/end", api_tokens.end, name="api-token-end"),
    path("race-day/", race_day.race_day, name="race-day"),
    path("race-day/figures", race_day.race_day_figures, name="race-day-figures"),
    path("race-day/<slug:name>/", alert.alert, name="alert"),
    path("race-day/<slug:name>/figures", alert.alert_figures, name="alert-figures"),
    *people_urls.of_an_event,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", signing_in.sign_in, name="sign-in"),
    path("sign-out", signing_in.sign_out, name="sign-out"),
    path("code", signing_in.code, name="code"),
    path("join/<str:token>", signing_in.join, name="join"),
    path("enter/<str:token>", signing_in.enter, name="enter"),
    path("account", account.account, name="account"),
    path("account/second-factor", account.second_factor_page, name="second-factor"),
    path("account/recovery-codes", account.recovery_codes, name="recovery-codes"),
    path("account/sign-out-everywhere", account.sign_out_everywhere, name="sign-out-everywhere"),
    path("events/", events.events, name="events"),
    path("events/new", event_new.event_new, name="event-new"),
    path("e/<slug:slug>/", include(of_an_event)),
]
