package realtime

// The events that clients send. Clients depend on the names.
const (
	eventJoinRoom         = "video:join-room"
	eventLeaveRoom        = "video:leave-room"
	eventOffer            = "video:offer"
	eventAnswer           = "video:answer"
	eventCandidate        = "video:ice-candidate"
	eventToggleAudio      = "video:toggle-audio"
	eventToggleVideo      = "video:toggle-video"
	eventScreenShareStart = "video:screen-share-start"
	eventScreenShareStop  = "video:screen-share-stop"
	eventSpeaking         = "video:speaking"
	eventChatMessage      = "chat:video-message"
	eventChatFile         = "chat:video-file"
	eventJoinStudy        = "presence:join-study"
)

// The events that clients are sent, besides offers, answers and candidates.
const (
	eventConnected          = "connected" // on the plain WebSocket alone
	eventError              = "error"
	eventRoomState          = "video:room-state"
	eventUserJoined         = "video:user-joined"
	eventUserLeft           = "video:user-left"
	eventAudioChanged       = "video:peer-audio-changed"
	eventVideoChanged       = "video:peer-video-changed"
	eventPeerScreenShare    = "video:peer-screen-share"
	eventScreenShareStarted = "video:screen-share-started"
	eventScreenShareStopped = "video:screen-share-stopped"
	eventUserSpeaking       = "video:user-speaking"
	eventChatReceived       = "chat:video-message-received"
	eventChatFileReceived   = "chat:video-file-received"
	eventStudyJoined        = "presence:study-joined"
	eventUserOnline         = "presence:user-online"
	eventUserOffline        = "presence:user-offline"
	eventStarted            = "video:started"
	eventEnded              = "video:ended"
)
