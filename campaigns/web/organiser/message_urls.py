"""The addresses of the room of messages, under `/e/<slug>/messages/`."""

from django.urls import URLPattern, URLResolver, include, path

from campaigns.web.organiser import message_history, message_new, message_sign_off, messages

of_a_message: list[URLPattern | URLResolver] = [
    path("", messages.message, name="message"),
    path("edit", messages.edit, name="message-edit"),
    path("frame", messages.frame, name="message-frame"),
    path("test", messages.test_send, name="message-test"),
    path("versions", message_history.versions, name="message-versions"),
    path("sign-off", message_sign_off.sign_off_page, name="message-sign-off"),
    path("revoke", message_sign_off.revoke, name="message-revoke"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", messages.messages, name="messages"),
    path("new", message_new.new, name="message-new"),
    path("<str:channel>/<str:name>/", include(of_a_message)),
]
