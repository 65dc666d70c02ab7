"""`callbridge conference`: conferences, and who is in them."""

from typing import Annotated, Literal

import typer

from callbridge.commands.answers import asked, done
from callbridge.commands.options import Array, Json, LanguageCode, NamedCall, RecordVerbs, VoiceName
from callbridge.host.usage import GroupedCommand, ListedGroup

conference = typer.Typer(cls=ListedGroup, rich_markup_mode=None)
command = conference.command(cls=GroupedCommand)

Conf = Annotated[str, typer.Argument(metavar="CONFERENCE", help="Its name, or its id.")]
WHO = "by the end of their id or by their number"
One = Annotated[str, typer.Argument(metavar="WHO", help=f"A participant, {WHO}.")]
Some = Annotated[
    list[str] | None,
    typer.Argument(metavar="[WHO]...", help=f"Participants, each {WHO}; nobody is everybody."),
]
To = Annotated[
    list[str] | None,
    typer.Option(metavar="WHO", help="Only to this participant; may be given again for others."),
]
WhisperTo = Annotated[
    list[str] | None,
    typer.Option(metavar="WHO", help="Who hears a whisperer; may be given again for others."),
]
RoleName = Literal["barge", "monitor", "none", "whisper"]


@conference.callback()
def about() -> None:
    """Look at conferences, and act on one: who joins, is heard, is put on hold.

    A conference is named by its name or its id, a participant by the end of their id, as `show`
    shows it, or by their number. Without a verb, the conferences are listed.

    \b
    Example:
      callbridge conference mute sales +13125550199
    """


@conference.command("list", cls=GroupedCommand)
def list_(
    ended: Annotated[bool, typer.Option("--ended", help="Those that are over, too.")] = False,
    as_json: Array = False,
) -> None:
    """List the conferences that go on."""
    from callbridge.desk import conferences, tables

    asked(
        lambda desk: conferences.listed(desk, ended=ended), tables.of_conferences, as_json=as_json
    )


@command
def show(conference: Conf, as_json: Json = False) -> None:
    """Show who is in a conference: muted, on hold, since when."""
    from callbridge.desk import conferences, tables

    asked(lambda desk: conferences.shown(desk, conference), tables.of_conference, as_json=as_json)


@command
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    call: NamedCall,
    beep: Annotated[
        Literal["always", "never", "on_enter", "on_exit"] | None,
        typer.Option(help="When a beep is heard; else never."),
    ] = None,
    max_participants: Annotated[
        int | None, typer.Option("--max", min=2, max=800, help="How many may be in it; else 250.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Begin a conference with a call that is answered.

    \b
    Example:
      callbridge conference create sales dARjOc8s
    """
    from callbridge.desk import conferences

    done(
        lambda desk: conferences.create(desk, name, call, beep=beep, most=max_participants),
        as_json=as_json,
    )


@command
def join(
    conference: Conf,
    call: NamedCall,
    mute: Annotated[bool, typer.Option("--mute", help="They are not heard.")] = False,
    hold: Annotated[bool, typer.Option("--hold", help="They are on hold.")] = False,
    role: Annotated[RoleName | None, typer.Option(help="That of a supervisor: see `role`.")] = None,
    whisper_to: WhisperTo = None,
    end_on_exit: Annotated[
        bool, typer.Option("--end-on-exit", help="The conference ends when they leave.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a call that is answered join a conference."""
    from callbridge.desk import conferences

    done(
        lambda desk: conferences.join(
            desk,
            conference,
            call,
            mute=mute,
            hold=hold,
            role=role,
            whisper_to=whisper_to or (),
            end_on_exit=end_on_exit,
        ),
        as_json=as_json,
    )


@command
def leave(conference: Conf, who: One, as_json: Json = False) -> None:
    """Take a participant out; their call goes on."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.leave(desk, conference, who), as_json=as_json)


@command
def kick(conference: Conf, who: One, as_json: Json = False) -> None:
    """Hang up a participant."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.kick(desk, conference, who), as_json=as_json)


@command
def mute(conference: Conf, who: Some = None, as_json: Json = False) -> None:
    """Let participants hear and not be heard."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.mute(desk, conference, who or ()), as_json=as_json)


@command
def unmute(conference: Conf, who: Some = None, as_json: Json = False) -> None:
    """Let participants be heard again."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.unmute(desk, conference, who or ()), as_json=as_json)


@command
def hold(
    conference: Conf,
    who: Some = None,
    sound: Annotated[
        str | None,
        typer.Option(help="What they hear meanwhile: an address, or the name of an upload."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let participants neither hear nor be heard."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.hold(desk, conference, who or (), sound), as_json=as_json)


@command
def unhold(conference: Conf, who: Some = None, as_json: Json = False) -> None:
    """Take participants off hold."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.unhold(desk, conference, who or ()), as_json=as_json)


@command
def role(
    conference: Conf,
    who: One,
    role: Annotated[
        RoleName,
        typer.Argument(
            help="barge: hears all and is heard by all. whisper: is heard by those of "
            "--whisper-to. monitor: is heard by nobody. none: no supervisor."
        ),
    ],
    whisper_to: WhisperTo = None,
    as_json: Json = False,
) -> None:
    """Make a participant a supervisor, or change what they are.

    \b
    Example:
      callbridge conference role sales dARjOc8s whisper \\
        --whisper-to +13125550199
    """
    from callbridge.desk import conferences

    done(
        lambda desk: conferences.role(desk, conference, who, role, whisper_to or ()),
        as_json=as_json,
    )


@command
def play(
    conference: Conf,
    sound: Annotated[
        str, typer.Argument(help="The address of a WAV or MP3 file, or the name of an upload.")
    ],
    loop: Annotated[int | None, typer.Option(min=1, max=100, help="How often.")] = None,
    to: To = None,
    as_json: Json = False,
) -> None:
    """Play a file to all, or to some."""
    from callbridge.desk import conferences

    done(
        lambda desk: conferences.play(desk, conference, sound, loop=loop, to=to or ()),
        as_json=as_json,
    )


@command
def speak(
    conference: Conf,
    text: Annotated[str, typer.Argument(help="Up to 3000 characters.")],
    voice: VoiceName = "AWS.Polly.Joanna",
    language: LanguageCode = None,
    to: To = None,
    as_json: Json = False,
) -> None:
    """Have the platform say something to all, or to some."""
    from callbridge.desk import conferences

    done(
        lambda desk: conferences.speak(
            desk, conference, text, voice=voice, language=language, to=to or ()
        ),
        as_json=as_json,
    )


@command
def stop(conference: Conf, to: To = None, as_json: Json = False) -> None:
    """Stop what is played or spoken."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.stop(desk, conference, to or ()), as_json=as_json)


@command
def dtmf(
    conference: Conf,
    digits: Annotated[
        str, typer.Argument(help="0-9 A-D * #; w waits half a second, W a whole one.")
    ],
    to: To = None,
    as_json: Json = False,
) -> None:
    """Press keys, for participants to hear."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.press(desk, conference, digits, to or ()), as_json=as_json)


@command
def record(conference: Conf, verb: RecordVerbs = "start", as_json: Json = False) -> None:
    """Record a conference, pause, resume or stop."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.record(desk, conference, verb), as_json=as_json)


@command
def end(conference: Conf, as_json: Json = False) -> None:
    """End a conference: all leave it."""
    from callbridge.desk import conferences

    done(lambda desk: conferences.end(desk, conference), as_json=as_json)
