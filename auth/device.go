package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

const (
	deviceCookie = "patchbay-device"
	deviceDays   = 180
	deviceNonce  = 16
)

// rememberDevice marks a browser as one that has signed in to an account. The mark opens nothing; it only keeps other people's
// failures from counting against this browser.
func (a *Auth) rememberDevice(w http.ResponseWriter, r *http.Request, userID string) {
	nonce := make([]byte, deviceNonce)
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	value := base64.RawURLEncoding.EncodeToString(append(nonce, a.deviceMAC(nonce, userID)...))
	a.carrier.hand(w, r, deviceCookie, value, deviceDays*24*3600)
}

// knowsDevice says whether the browser has the mark of this account.
func (a *Auth) knowsDevice(r *http.Request, userID string) bool {
	carried, ok := a.carrier.carried(r, deviceCookie)
	if !ok {
		return false
	}
	mark, err := base64.RawURLEncoding.DecodeString(carried)
	if err != nil || len(mark) < deviceNonce {
		return false
	}
	return hmac.Equal(mark[deviceNonce:], a.deviceMAC(mark[:deviceNonce], userID))
}

func (a *Auth) deviceMAC(nonce []byte, userID string) []byte {
	h := hmac.New(sha256.New, a.deviceKey)
	h.Write(nonce)
	h.Write([]byte(userID))
	return h.Sum(nil)
}
