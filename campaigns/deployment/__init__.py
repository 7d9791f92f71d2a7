"""Whether a station is fit to send to real people: every thing that has to be right, each with its cure."""
