"""Fixed health wording that no author of a campaign can change. Changing it needs the medical reviewer.

Written as Markdown so that the HTML and the text part come from the same words.
"""

from __future__ import annotations

# What a message is about, as far as danger signs go; all but "general" must carry their red flags.
SAFETY_WORDS = ("general", "back", "running")

DISCLAIMER = (
    "This is general information, not a diagnosis. In an emergency call [999](tel:999). "
    "For urgent medical help call [111](tel:111). For other worries about your health, ask your GP."
)

_BACK = """\
## Get help now

**Call [999](tel:999) or go to A&E now** if you have back pain and any of these:

- pain, tingling, numbness or weakness in both legs
- numbness or tingling around your genitals or bottom
- trouble peeing, or you cannot control your bladder or bowels
- a change in sexual function
- chest pain
- it started after a serious accident

**Call [111](tel:111) or ask for an urgent GP appointment** if you have back pain and any of these:

- a high temperature
- you have lost weight and do not know why
- a lump, or your back has changed shape
- it is worse at night, or rest does not ease it
- it is between your shoulder blades

**See a GP or a physiotherapist** if it is not getting better after a few weeks, or if it stops your daily \
life. In many areas you can refer yourself to a physiotherapist.
"""

_RUNNING = """\
## Get help now

**Call [999](tel:999) now** if you, or a runner near you, has any of these during a run or in the 24 hours after \
it. At the race, tell the nearest marshal:

- chest pain, or a heartbeat that feels wrong
- fainting or collapse
- a fit
- confusion, or not making sense
- a struggle to breathe that does not settle when you stop
- feeling ill from the heat, and no better after 30 minutes of rest and cooling

**Get medical help, and do not drink more,** if you feel sick or bloated with a bad headache. It can be a sign of \
too much fluid.

**Call [111](tel:111)** for anything else that worries you and cannot wait.
"""

RED_FLAGS = {"back": _BACK, "running": _RUNNING}
