"""The entry platforms whose lists are known: a definition each, nothing else.

A yes counts for what its wording asks for and for nothing more; a list without such a question brings no consent.
"""

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

# "Race" is the meeting and "Event" the distance. Its report has no question that could be a consent.
RUNSIGNUP = Mapping(
    source="runsignup",
    title="RunSignup",
    marks=("Registration ID", "Event", "Registration Date"),
    columns={
        Field.REGISTRATION_ID: ("Registration ID",),
        Field.FIRST_NAME: ("First Name",),
        Field.LAST_NAME: ("Last Name",),
        Field.EMAIL: ("Email Address",),
        Field.PHONE: ("Phone",),
        Field.BIRTH_DATE: ("Date of Birth",),
        Field.RACE: ("Event",),
        Field.BIB: ("Bib", "Bib No."),
        Field.STATUS: ("Status",),
    },
    statuses={
        "active": "confirmed",
        "deferred": "withdrawn",
        "dropped": "withdrawn",
        "removed": "withdrawn",
        "refunded": "withdrawn",
        "transferred": "withdrawn",
    },
)

# Read the sections "Participant", "Entry Details" and the status; "Emergency Details" never.
SI_ENTRIES = Mapping(
    source="si-entries",
    title="SI Entries",
    marks=("Participant - SiEntries ID",),
    columns={
        Field.REGISTRATION_ID: ("Participant - SiEntries ID",),
        Field.FIRST_NAME: ("Participant - First Name",),
        Field.LAST_NAME: ("Participant - Last Name",),
        Field.EMAIL: ("Participant - Email Address",),
        # The second is nearly always a landline: kept when it is all there is, and never texted.
        Field.PHONE: ("Participant - Mobile No", "Participant - Telephone No"),
        Field.BIRTH_DATE: ("Participant - Date of Birth",),
        Field.RACE: ("Entry Details - Race",),
        Field.BIB: ("Participant - Participant No",),
        Field.CLUB: ("Entry Details - Club",),
        Field.FIRST_TIMER: ("Entry Details - Is this your first race at this distance?",),
        Field.STATUS: ("Admin Only - Status",),
    },
    statuses={
        "confirmed": "confirmed",
        "withdrawn": "withdrawn",
        "transferred out": "withdrawn",
        "waiting list": "held",
    },
)

# One order has a row for each of its tickets. "Email" is the attendee's: where it is blank, the buyer's on
# another row of the order belongs to somebody else and is not taken. "Keep me informed" names no channel and
# stands beside an email address: it is a yes to tips by email, and to no text.
EVENTBRITE = Mapping(
    source="eventbrite",
    title="Eventbrite",
    marks=("Order #", "Ticket Type", "Attendee Status"),
    columns={
        Field.REGISTRATION_ID: ("Attendee #",),
        Field.FIRST_NAME: ("First Name",),
        Field.LAST_NAME: ("Surname", "Last Name"),
        Field.EMAIL: ("Email",),
        Field.PHONE: ("Mobile Phone", "Cell Phone"),
        Field.BIRTH_DATE: ("Date of Birth", "Birth Date"),
        Field.RACE: ("Ticket Type",),
        Field.STATUS: ("Attendee Status",),
    },
    consents=(ConsentColumn(("Keep me informed by the organiser",), (("email", "tips"),)),),
    statuses={
        "attending": "confirmed",
        "checked in": "confirmed",
        "not attending": "withdrawn",
        "refunded": "withdrawn",
        "deleted": "withdrawn",
    },
)

SOURCES = (LETS_DO_THIS, RUNSIGNUP, SI_ENTRIES, EVENTBRITE)
