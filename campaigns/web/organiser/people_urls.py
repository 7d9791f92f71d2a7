"""The addresses of the entrants' room, of the event itself and of its people; all stand under `/e/<slug>/`."""

from django.urls import URLPattern, URLResolver, path

from campaigns.web.organiser import calling_off, entrant, entrants, event_page, importing, team

of_an_event: list[URLPattern | URLResolver] = [
    path("event", event_page.event_page, name="event"),
    path("event/cancel", calling_off.cancel, name="event-cancel"),
    path("people", team.team, name="team"),
    path("entrants", entrants.entrants, name="entrants"),
    path("entrants/waiting", entrants.waiting, name="entrants-waiting"),
    path("entrants/waiting/guardians", entrants.name_guardians, name="entrants-guardians"),
    path("entrants/waiting/held", entrants.change_held, name="entrants-held"),
    path("entrants/lists", importing.lists, name="lists"),
    path("entrants/lists/new", importing.new, name="list-new"),
    path("entrants/lists/<str:token>", importing.listed, name="list"),
    path("entrants/lists/<str:token>/progress", importing.progress, name="list-progress"),
    path("entrants/<str:token>", entrant.entrant, name="entrant"),
    path("entrants/<str:token>/hold", entrant.hold, name="entrant-hold"),
    path("entrants/<str:token>/release", entrant.release, name="entrant-release"),
    path("entrants/<str:token>/mark", entrant.mark, name="entrant-mark"),
    path("entrants/<str:token>/guardian", entrant.guardian, name="entrant-guardian"),
    path("entrants/<str:token>/export", entrant.export, name="entrant-export"),
    path("entrants/<str:token>/erase", entrant.erase, name="entrant-erase"),
]
