"""The addresses of the organisers' pages. Those of one event stand under `/e/<slug>/`."""

from django.urls import URLPattern, URLResolver, include, path

from campaigns.web.organiser import (
    account,
    alert,
    course,
    events,
    live_page,
    people_urls,
    plan_page,
    race_day,
    signing_in,
    steps,
)

of_an_event: list[URLPattern | URLResolver] = [
    path("", course.course, name="course"),
    path("messages/", include("campaigns.web.organiser.message_urls")),
    path("live/", live_page.live_page, name="live"),
    path("live/figures", live_page.live_figures, name="live-figures"),
    path("race-day/", race_day.race_day, name="race-day"),
    path("race-day/figures", race_day.race_day_figures, name="race-day-figures"),
    path("race-day/<slug:name>/", alert.alert, name="alert"),
    path("race-day/<slug:name>/figures", alert.alert_figures, name="alert-figures"),
    path("plan", plan_page.plan, name="plan"),
    path("plan/library", plan_page.library, name="plan-library"),
    path("plan/own", plan_page.own, name="plan-own"),
    path("plan.toml", plan_page.as_file, name="plan-as-file"),
    path("steps/new", steps.new, name="step-new"),
    path("steps/<slug:name>/", steps.step, name="step"),
    path("steps/<slug:name>/switch", steps.switch, name="step-switch"),
    path("steps/<slug:name>/delete", steps.delete, name="step-delete"),
    path("audience", steps.audience_look, name="audience"),
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
    path("e/<slug:slug>/", include(of_an_event)),
]
