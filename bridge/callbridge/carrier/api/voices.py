"""Voices by the platform's names, for the one engine that is here: who speaks and in which
language. None of the platform's voices is simulated; the engine has a female and a male one."""

import re

from callbridge.carrier.api.problems import refused
from callbridge.carrier.parts.sounds import ENGLISH, SpokenText, language_of
from callbridge.carrier.ssml import MalformedSsml, for_engine, text_of

# What may stand before the first full stop of a voice's name. Azure's HD voices have also been
# written without their provider: en-US-Emma:DragonHDLatestNeural.
PROVIDERS = frozenset(
    {
        "AWS",
        "Azure",
        "ElevenLabs",
        "FishAudio",
        "Humain",
        "Inworld",
        "Minimax",
        "Polly",
        "Resemble",
        "Rime",
        "Soniox",
        "Telnyx",
        "xAI",
    }
)
READ_SSML = ("AWS", "Polly", "Azure")  # of the others the documents do not say that they do
BARE_AZURE = re.compile(r"[a-z]{2,3}-[A-Z]{2}-\w+(:\w+)?")


def spoken(
    payload: str,
    *,
    voice: str,
    ssml: bool,
    language: str | None,
    service_level: str,
    pointer: str = "/payload",
) -> SpokenText:
    """Raises Refused for what no voice can say, and for voices that nobody has."""
    family = _family(voice)
    if service_level == "basic" and (ssml or language not in (None, ENGLISH)):
        detail = "the basic level speaks text in en-US; premium has languages and SSML"
        raise refused("90030", detail, "/service_level")
    if ssml:
        try:
            reads = family in READ_SSML
            payload, ssml = (for_engine(payload), True) if reads else (text_of(payload), False)
        except MalformedSsml as error:
            raise refused("90010", f"the SSML is malformed: {error}", pointer) from None
    if family == "Polly":  # its voices speak one language each
        language = None
    return SpokenText(payload, ssml, language_of(voice, language), voice.lower() == "female")


def _family(voice: str) -> str:
    if voice.lower() in ("male", "female"):
        return "basic"
    provider = voice.partition(".")[0]
    if BARE_AZURE.fullmatch(voice):
        return "Azure"
    known = {each.lower(): each for each in PROVIDERS}.get(provider.lower())
    if known is None:
        names = ", ".join(sorted(PROVIDERS))
        detail = (
            f"no voice {voice[:80]!r}: it is male, female, or Provider.Model.VoiceId of {names}"
        )
        raise refused("90012", detail, "/voice")
    return "Polly" if voice.startswith("AWS.Polly.") else known
