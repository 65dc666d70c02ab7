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
from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.queues import (
    CreateQueue,
    DeleteQueue,
    EnqueueLeg,
    LeaveQueue,
    ListQueueCalls,
    ListQueues,
    RemoveQueueCall,
    RetrieveQueue,
    RetrieveQueueCall,
    UpdateQueue,
    UpdateQueueCall,
)
from callbridge.carrier.api.relay import StartRelay, StopRelay
from callbridge.carrier.api.sip import ReferLeg, SendSipInfo
from callbridge.carrier.api.speech import SpeakOnLeg
from callbridge.carrier.api.streaming import StartStreaming, StopStreaming

OPERATIONS: tuple[type[Operation], ...] = (
    DialLeg,
    RetrieveStatus,
    AnswerLeg,
    RejectLeg,
    HangUpLeg,
    TransferLeg,
    BridgeLegs,
    EnqueueLeg,
    LeaveQueue,
    ReferLeg,
    SendSipInfo,
    SendDtmfOnLeg,
    UpdateClientState,
    StartStreaming,
    StopStreaming,
    SpeakOnLeg,
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
)
