package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"patchbay/access"
	"patchbay/store"
)

// The second step is TOTP as authenticator apps know it (RFC 6238).
const (
	stepSeconds   = 30
	skew          = 1 // steps that a clock may be off, either way
	recoveryCodes = 10
	recoverySize  = 10  // bytes: 80 bits, so that a plain hash of one keeps it
	qrSize        = 220 // pixels
	qrMargin      = 16
	issuer        = "Patchbay"
)

const (
	codeKey       = "code "
	codeDeviceKey = "code device "
)

var (
	// ErrCodeNeeded says that the password was right and the code of the second step is missing.
	ErrCodeNeeded = errors.New("a code is needed")
	// ErrWrongCode says that a code is wrong, or was used before.
	ErrWrongCode = errors.New("wrong code")
)

// pendingLasts is how long a secret may be confirmed after it was shown.
const pendingLasts = 10 * time.Minute

// An Enrolment is what someone puts into their authenticator app. It is shown to them alone, until they confirm it.
type Enrolment struct {
	Secret string // as it is typed
	QR     string // the same as a picture, in a data: address
}

// TOTPOn says since when someone's sign-in has a second step, and how many recovery codes are left; zero: it has none.
func (a *Auth) TOTPOn(ctx context.Context, userID string) (since time.Time, codes int, err error) {
	t, err := a.store.TOTP(ctx, userID)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, 0, nil
	}
	return t.Confirmed, t.Codes, err
}

// BeginTOTP makes the secret of a second step for whoever asks in their own session. Nothing asks for its codes yet.
func (a *Auth) BeginTOTP(ctx context.Context, who access.Actor) (Enrolment, error) {
	u, err := a.ownAccount(ctx, who)
	if err != nil {
		return Enrolment{}, err
	}
	if u.PasswordHash == "" || a.keys == nil {
		return Enrolment{}, &FieldError{"totp", "You sign in without a password here, so there is no second step to it"}
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: u.Email})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make second step: %w", err)
	}
	box, err := a.keys.Seal([]byte(key.Secret()), totpOwner(u.ID)...)
	if err != nil {
		return Enrolment{}, fmt.Errorf("seal second step: %w", err)
	}
	t := store.TOTP{UserID: u.ID, Box: box, Created: a.now()}
	err = a.store.Update(ctx, userEntry(who, "user.totp_begin", u.ID, u.Email), func(tx *store.Tx) error { return tx.BeginTOTP(t) })
	if errors.Is(err, store.ErrConflict) {
		return Enrolment{}, errTOTPOn
	}
	if err != nil {
		return Enrolment{}, err
	}
	return enrolment(key)
}

var errTOTPOn = &FieldError{"totp", "Two-step sign-in is on already. Turn it off first"}

// ownAccount is the account of someone who acts on it in a session of theirs; a token may not. The session was found when the
// request came; its secret may be another by now, where the password was given again on the way.
func (a *Auth) ownAccount(ctx context.Context, who access.Actor) (store.User, error) {
	if err := access.ScopeAllows(who, access.ScopeSession); err != nil {
		return store.User{}, err
	}
	return a.store.User(ctx, who.UserID)
}

// totpOwner names whose a secret is, so that no other box opens in its place (P27).
func totpOwner(userID string) []string { return []string{"user", userID, "totp"} }

// PendingTOTP is the enrolment that someone has begun and not confirmed, to be shown to them again.
func (a *Auth) PendingTOTP(ctx context.Context, who access.Actor) (Enrolment, error) {
	u, err := a.ownAccount(ctx, who)
	if err != nil {
		return Enrolment{}, err
	}
	t, err := a.store.TOTP(ctx, u.ID)
	if err != nil {
		return Enrolment{}, err
	}
	if err := pending(t, a.now()); err != nil {
		return Enrolment{}, err
	}
	plain, err := a.openTOTP(t)
	if err != nil {
		return Enrolment{}, err
	}
	raw, err := codeText.DecodeString(plain)
	if err != nil {
		return Enrolment{}, errSecret
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: u.Email, Secret: raw})
	if err != nil {
		return Enrolment{}, fmt.Errorf("show second step again: %w", err)
	}
	return enrolment(key)
}

// pending refuses what can be confirmed no more: a secret that lay about for long may have been seen by others.
func pending(t store.TOTP, now time.Time) error {
	switch {
	case !t.Confirmed.IsZero():
		return errTOTPOn
	case now.Sub(t.Created) >= pendingLasts:
		return &FieldError{"totp", "This took too long. Set two-step sign-in up again"}
	}
	return nil
}

// errSecret tells nothing of the secret that cannot be read.
var errSecret = errors.New("the secret of a second step cannot be read")

// enrolment draws a key.
func enrolment(key *otp.Key) (Enrolment, error) {
	img, err := key.Image(qrSize, qrSize)
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw second step: %w", err)
	}
	page := image.NewGray(image.Rect(0, 0, qrSize+2*qrMargin, qrSize+2*qrMargin)) // white all round, or scanners do not find it on a dark page
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(page, img.Bounds().Add(image.Pt(qrMargin, qrMargin)), img, image.Point{}, draw.Src)
	var picture bytes.Buffer
	if err := png.Encode(&picture, page); err != nil {
		return Enrolment{}, fmt.Errorf("draw second step: %w", err)
	}
	return Enrolment{Secret: key.Secret(), QR: "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture.Bytes())}, nil
}

func (a *Auth) openTOTP(t store.TOTP) (string, error) {
	if a.keys == nil {
		return "", errors.New("open second step: there is no key")
	}
	plain, err := a.keys.Open(t.Box, totpOwner(t.UserID)...)
	if err != nil {
		return "", fmt.Errorf("open second step: %w", err)
	}
	return string(plain), nil
}

// ConfirmTOTP turns the second step on with a first code of it, and returns the recovery codes, which nothing can show again.
func (a *Auth) ConfirmTOTP(ctx context.Context, r *http.Request, who access.Actor, code string) ([]string, error) {
	u, err := a.ownAccount(ctx, who)
	if err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes()
	now := a.now()
	err = a.countingCodes(r, u.ID, func() error {
		return a.store.Update(ctx, userEntry(who, "user.totp_on", u.ID, u.Email), func(tx *store.Tx) error {
			t, err := tx.TOTP(u.ID)
			if err != nil {
				return err
			}
			if err := pending(t, now); err != nil {
				return err
			}
			if err := a.useStep(tx, t, code, now); err != nil {
				return err
			}
			return tx.ConfirmTOTP(u.ID, now, hashes)
		})
	})
	if err != nil {
		return nil, errors.Join(codeAt("code", err), a.auditOwn(ctx, r, who, "user.totp_on", u, err))
	}
	return codes, nil
}

// TurnOffTOTP takes the second step away from whoever gives password and code in their own session.
func (a *Auth) TurnOffTOTP(ctx context.Context, r *http.Request, who access.Actor, password, code string) error {
	u, err := a.ownAccount(ctx, who)
	if err != nil {
		return err
	}
	if err := a.prove(ctx, r, u, u.Email, password); err != nil {
		return errors.Join(wrongAt("password", err), a.auditOwn(ctx, r, who, "user.totp_off", u, err))
	}
	now := a.now()
	err = a.countingCodes(r, u.ID, func() error {
		return a.store.Update(ctx, userEntry(who, "user.totp_off", u.ID, u.Email), func(tx *store.Tx) error {
			if err := a.second(tx, u.ID, code, now); err != nil {
				return err
			}
			return tx.DeleteTOTP(u.ID)
		})
	})
	if err != nil {
		return errors.Join(codeAt("code", err), a.auditOwn(ctx, r, who, "user.totp_off", u, err))
	}
	return nil
}

// RemoveTOTP takes someone's second step away, who has lost the app and the recovery codes. Only Admins may.
func (a *Auth) RemoveTOTP(ctx context.Context, who access.Actor, userID string) error {
	if err := access.AdminOnly(who, "remove a second step of signing in"); err != nil {
		return err
	}
	return a.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		u, err := tx.User(userID)
		if err == nil {
			_, err = tx.TOTP(userID)
		}
		if err != nil {
			return store.AuditEntry{}, err
		}
		return userEntry(who, "user.totp_remove", u.ID, u.Email), tx.DeleteTOTP(userID)
	})
}

// second takes the code of someone whose sign-in has a second step: one of the app, or a recovery code, which is used up. Without
// a second step there is nothing to take.
func (a *Auth) second(tx *store.Tx, userID, code string, now time.Time) error {
	t, err := tx.TOTP(userID)
	if errors.Is(err, store.ErrNotFound) || err == nil && t.Confirmed.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	switch code = plainCode(code); {
	case code == "":
		return ErrCodeNeeded
	case isStepCode(code):
		return a.useStep(tx, t, code, now)
	}
	err = tx.UseRecoveryCode(userID, hashOf(code), now)
	if errors.Is(err, store.ErrConflict) {
		return ErrWrongCode
	}
	return err
}

var separators = regexp.MustCompile(`[\s-]+`)

// plainCode is a code without what makes it easier to read.
func plainCode(code string) string {
	return strings.ToUpper(separators.ReplaceAllString(code[:min(len(code), 100)], ""))
}

var isStepCode = regexp.MustCompile(`^[0-9]{6}$`).MatchString

// useStep takes a code of the app. Each step counts once, and none before one that was taken (RFC 6238, section 5.2).
func (a *Auth) useStep(tx *store.Tx, t store.TOTP, code string, now time.Time) error {
	plain, err := a.openTOTP(t)
	if err != nil {
		return err
	}
	code = plainCode(code)
	current := now.Unix() / stepSeconds
	for step := current - skew; step <= current+skew; step++ {
		right, err := hotp.GenerateCodeCustom(plain, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return errSecret
		}
		if subtle.ConstantTimeCompare([]byte(right), []byte(code)) != 1 {
			continue
		}
		if err := tx.UseTOTPStep(t.UserID, step); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return ErrWrongCode
}

// countingCodes limits how often codes may be tried, as passwords are: only whoever has the password gets this far.
func (a *Auth) countingCodes(r *http.Request, userID string, try func() error) error {
	key := codeKey + userID
	if a.knowsDevice(r, userID) {
		key = codeDeviceKey + userID
	}
	now, counted := a.now(), attempt{key: accountDelay}
	if wait := a.attempts.begin(counted, now); wait > 0 {
		return &LimitedError{Wait: wait}
	}
	err := try()
	switch {
	case err == nil:
		a.attempts.succeed(counted, now)
	case !errors.Is(err, ErrWrongCode):
		a.attempts.undo(counted, now)
	}
	return err
}

var codeText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newRecoveryCodes makes codes for someone to keep, and the hashes to keep of them.
func newRecoveryCodes() (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		var b [recoverySize]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		code := codeText.EncodeToString(b[:])
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
		hashes = append(hashes, hashOf(code))
	}
	return codes, hashes
}

// codeAt puts a wrong or missing code at the field where it belongs.
func codeAt(field string, err error) error {
	switch {
	case errors.Is(err, ErrWrongCode):
		return &FieldError{field, "This code is wrong or was used already. Wait for the next one in your app"}
	case errors.Is(err, ErrCodeNeeded):
		return &FieldError{field, "Enter the code that your authenticator app shows"}
	}
	return err
}
