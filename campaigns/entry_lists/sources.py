"""The entry platforms whose lists are known: a definition each, nothing else."""

from campaigns.entry_lists.mapping import ConsentColumn, Field, Mapping

LETS_DO_THIS = Mapping(
    source="lets-do-this",
    title="Let's Do This",
    marks=("raceTitle",),
    columns={
        Field.FIRST_NAME: ("First Name",),
        Field.LAST_NAME: ("Last Name",),
        Field.EMAIL: ("Email Address",),
        Field.PHONE: ("Phone Number",),
        Field.BIRTH_DATE: ("Date of Birth",),
        Field.RACE: ("raceTitle",),
        Field.WAVE: ("Wave",),
        Field.BIB: ("Bib Number",),
        Field.ANSWERED_AT: ("updatedAt", "createdAt"),
    },
    consents=(
        ConsentColumn(("I would like to receive race tips by email",), (("email", "tips"),)),
        # The texts are reminders on warming up, drinking and the start: the wording asks for both kinds.
        ConsentColumn(
            ("I would like race reminders by text message",), (("sms", "service"), ("sms", "tips"))
        ),
    ),
)

SOURCES = (LETS_DO_THIS,)
