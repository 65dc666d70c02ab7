"""Everything that this carrier can be asked."""

from callbridge.carrier.api.active_calls import ListActiveCalls
from callbridge.carrier.api.applications import (
    CreateApplication,
    DeleteApplication,
    ListApplications,
    RetrieveApplication,
    UpdateApplication,
)
from callbridge.carrier.api.bridging import BridgeLegs
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
from callbridge.carrier.api.conference_recordings import (
    PauseConferenceRecording,
    ResumeConferenceRecording,
    StartConferenceRecording,
    StopConferenceRecording,
)
from callbridge.carrier.api.conferences import (
    CreateConference,
    ListConferences,
    ListParticipants,
    RetrieveConference,
    RetrieveParticipant,
    UpdateParticipant,
)
from callbridge.carrier.api.deliveries import ListDeliveries, RetrieveDelivery
from callbridge.carrier.api.events import ListEvents
from callbridge.carrier.api.gather import Gather, GatherUsingAudio, GatherUsingSpeak, StopGather
from callbridge.carrier.api.messages import SendMessage
from callbridge.carrier.api.numbers import (
    DeleteNumber,
    ListNumbers,
    LookUpNumber,
    OrderNumbers,
    RetrieveNumber,
    SearchNumbers,
)
from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.playing import StartPlayback, StopPlayback
from callbridge.carrier.api.queues import (
    CreateQueue,
    DeleteQueue,
    DequeueLeg,
    EnqueueLeg,
    ListQueueCalls,
    ListQueues,
    RemoveQueueCall,
    RetrieveQueue,
    RetrieveQueueCall,
    UpdateQueue,
    UpdateQueueCall,
)
from callbridge.carrier.api.recording_resources import (
    DeleteRecording,
    DeleteRecordings,
    DeleteText,
    DeleteTextOfRecording,
    ListRecordings,
    ListTexts,
    ListTextsOfRecording,
    RetrieveRecording,
    RetrieveText,
    RetrieveTextOfRecording,
)
from callbridge.carrier.api.recordings import (
    PauseRecording,
    ResumeRecording,
    StartRecording,
    StopRecording,
)
from callbridge.carrier.api.relay import StartRelay, StopRelay
from callbridge.carrier.api.sip import ReferLeg, SendLegSipInfo
from callbridge.carrier.api.speech import SpeakOnLeg
from callbridge.carrier.api.storage import (
    CreateCredentials,
    CreateCredentialsInCollection,
    DeleteCredentials,
    ListCredentials,
    RetrieveCredentials,
    UpdateCredentials,
)
from callbridge.carrier.api.streaming import StartStreaming, StopStreaming
from callbridge.carrier.api.supervision import SwitchSupervisorRole
from callbridge.carrier.api.transcription import StartTranscription, StopTranscription

OPERATIONS: tuple[type[Operation], ...] = (
    DialLeg,
    RetrieveStatus,
    AnswerLeg,
    RejectLeg,
    HangUpLeg,
    TransferLeg,
    BridgeLegs,
    SwitchSupervisorRole,
    EnqueueLeg,
    DequeueLeg,
    ReferLeg,
    SendLegSipInfo,
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
    CreateQueue,
    RetrieveQueue,
    UpdateQueue,
    ListQueues,
    DeleteQueue,
    RetrieveQueueCall,
    UpdateQueueCall,
    ListQueueCalls,
    RemoveQueueCall,
    ListActiveCalls,
    ListEvents,
    ListDeliveries,
    RetrieveDelivery,
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
    StartConferenceRecording,
    StopConferenceRecording,
    PauseConferenceRecording,
    ResumeConferenceRecording,
    StartRecording,
    StopRecording,
    PauseRecording,
    ResumeRecording,
    ListRecordings,
    RetrieveRecording,
    DeleteRecording,
    DeleteRecordings,
    ListTexts,
    RetrieveText,
    DeleteText,
    ListTextsOfRecording,
    RetrieveTextOfRecording,
    DeleteTextOfRecording,
    CreateCredentials,
    RetrieveCredentials,
    UpdateCredentials,
    DeleteCredentials,
    CreateCredentialsInCollection,
    ListCredentials,
)

# Stubs: see the class OtherProduct.
OTHER_PRODUCTS: tuple[type[Operation], ...] = (
    SearchNumbers,
    OrderNumbers,
    RetrieveNumber,
    ListNumbers,
    DeleteNumber,
    LookUpNumber,
    SendMessage,
)
