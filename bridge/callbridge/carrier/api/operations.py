"""Everything that this carrier can be asked."""

from callbridge.carrier.api.applications import (
    CreateApplication,
    DeleteApplication,
    ListApplications,
    RetrieveApplication,
    UpdateApplication,
)
from callbridge.carrier.api.calls import (
    AnswerLeg,
    DialLeg,
    HangUpLeg,
    RejectLeg,
    RetrieveStatus,
    SendDtmfOnLeg,
    TransferLeg,
    UpdateClientState,
)
from callbridge.carrier.api.conference_actions import (
    EndConference,
    HoldParticipants,
    JoinConference,
    LeaveConference,
    MuteParticipants,
    PlayToConference,
    SendDtmfToConference,
    SpeakToConference,
    StopConferenceAudio,
    UnholdParticipants,
    UnmuteParticipants,
    UpdateConference,
)
from callbridge.carrier.api.conference_gather import GatherInConference
from callbridge.carrier.api.conferences import (
    CreateConference,
    ListConferences,
    ListParticipants,
    RetrieveConference,
    RetrieveParticipant,
    UpdateParticipant,
)
from callbridge.carrier.api.events import ListEvents
from callbridge.carrier.api.gather import Gather, GatherUsingAudio, GatherUsingSpeak, StopGather
from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.playing import StartPlayback, StopPlayback
from callbridge.carrier.api.relay import StartRelay, StopRelay
from callbridge.carrier.api.speech import SpeakOnLeg
from callbridge.carrier.api.streaming import StartStreaming, StopStreaming
from callbridge.carrier.api.transcription import StartTranscription, StopTranscription

OPERATIONS: tuple[type[Operation], ...] = (
    DialLeg,
    RetrieveStatus,
    AnswerLeg,
    RejectLeg,
    HangUpLeg,
    TransferLeg,
    SendDtmfOnLeg,
    UpdateClientState,
    StartStreaming,
    StopStreaming,
    SpeakOnLeg,
    StartPlayback,
    StopPlayback,
    Gather,
    GatherUsingAudio,
    GatherUsingSpeak,
    StopGather,
    StartTranscription,
    StopTranscription,
    StartRelay,
    StopRelay,
    ListEvents,
    CreateApplication,
    RetrieveApplication,
    UpdateApplication,
    DeleteApplication,
    ListApplications,
    CreateConference,
    ListConferences,
    RetrieveConference,
    ListParticipants,
    RetrieveParticipant,
    UpdateParticipant,
    JoinConference,
    LeaveConference,
    EndConference,
    UpdateConference,
    MuteParticipants,
    UnmuteParticipants,
    HoldParticipants,
    UnholdParticipants,
    PlayToConference,
    SpeakToConference,
    StopConferenceAudio,
    SendDtmfToConference,
    GatherInConference,
)
