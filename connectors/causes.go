package connectors

// A cause's words: what broke, and what to do about it.
type words struct{ what, hint string }

var causes = map[Cause]words{
	CauseAddress: {"The host name cannot be looked up",
		"Check the host for typing errors, and that the server that runs Patchbay can resolve it"},
	CauseRefusedPolicy: {"Patchbay may not connect to this address",
		"Link-local, metadata and Patchbay's own addresses are always refused; private addresses are allowed in connections made by Admins"},
	CauseUnreachable: {"Nothing answers at this address and port",
		"Check the port, that the database is running and listens on this address, and that the firewall lets Patchbay's address in"},
	CauseTunnel: {"The SSH tunnel could not be opened",
		"Check the SSH user and key, and that the SSH host may forward connections to the database"},
	CauseHostKey: {"The SSH host is not the one that was trusted",
		"Ask whoever runs the SSH host whether its key was changed. If it was, replace the SSH host key in the connection's settings"},
	CauseTLS: {"The encrypted connection could not be made",
		"Check the TLS mode, the CA certificate and the server name, and that the server offers TLS 1.2 or later"},
	CauseSignIn: {"The server refused the sign-in",
		"Check the user and the password, and that the server lets this user in from Patchbay's address"},
	CauseDenied: {"The user may not do this",
		"Ask the database's administrator to grant the user the rights that the message names"},
	CauseNotFound: {"What was asked for does not exist there",
		"Check the spelling. Names may differ in upper and lower case"},
	CauseStatement: {"The server does not accept the statement",
		"Correct the statement where the message points to"},
	CauseLimit: {"A limit was reached",
		"Ask for less at once, or raise the limit that the message names"},
	CauseTimeout: {"The server did not answer in time",
		"Check that the address and port are a database's and that no firewall swallows its answers. A slow statement needs a longer limit"},
	CauseCancelled: {"It was cancelled", "Run it again when you need it"},
	CauseLost: {"The connection to the server broke",
		"Try again. If it happens often, ask whether the server restarts or something between closes connections"},
	CauseUnsupported: {"This database cannot do that",
		"Do it in another way, or on another connection"},
	CauseInternal: {"Something unexpected went wrong in Patchbay",
		"Try again. If it happens again, tell whoever runs Patchbay what you did"},
}

// Words say for people what broke.
func (c Cause) Words() string {
	w, known := causes[c]
	if !known {
		w = causes[CauseInternal]
	}
	return w.what
}

// Hint says for people what to do.
func (c Cause) Hint() string {
	w, known := causes[c]
	if !known {
		w = causes[CauseInternal]
	}
	return w.hint
}

// Advice is what to do about the error: the family's hint where it has one, else the cause's.
func (e *Error) Advice() string {
	if e.Hint != "" {
		return e.Hint
	}
	return e.Cause.Hint()
}

// AboutReaching says whether the words of an error with this cause tell of the network around a server: those are for Admins,
// everyone else sees the cause alone (PROMISES P15).
func (c Cause) AboutReaching() bool {
	switch c {
	case CauseAddress, CauseRefusedPolicy, CauseUnreachable, CauseTunnel, CauseHostKey, CauseTLS:
		return true
	}
	return false
}
