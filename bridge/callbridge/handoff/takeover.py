"""How somebody at a desk takes a caller over from a bot, and hands them back: what both must know.

They meet in a conference of a name that says whose it is. The platform tells the bridge that its
caller has joined a conference; by the name it knows that a person talks to them now."""

ROOM = "desk-"


def room_of(call_leg_id: str) -> str:
    """The name of the conference in which a leg is with a person, in the bot's place."""
    return ROOM + call_leg_id
