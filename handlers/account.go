package handlers

import (
	"errors"
	"net/http"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/views"
)

func (s *Server) account(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.accountPage(w, r, who, http.StatusOK, views.AccountPage{Saved: savedWords[r.URL.Query().Get("saved")]})
}

// savedWords say what an act on the account did, where the page itself does not show it.
var savedWords = map[string]string{"name": "Your name is saved", "password": "Your password is changed. Every other session of yours has ended",
	"totp": "Two-step sign-in is off", "sessions": "You are signed out everywhere else"}

// accountPage completes and renders the person's own account; every act on it that does not lead elsewhere ends here.
func (s *Server) accountPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, p views.AccountPage) error {
	u, err := s.Store.User(r.Context(), who.UserID)
	if err != nil {
		return err
	}
	p.Page, p.Email, p.Password, p.Now = s.layout(r, who, "Your account", "account"), u.Email, u.PasswordHash != "", s.Now()
	if p.Errors["name"] == "" {
		p.Name = u.Name
	}
	if p.TOTP.Since, p.TOTP.Codes, err = s.Auth.TOTPOn(r.Context(), u.ID); err != nil {
		return err
	}
	if p.Sessions, err = s.sessionRows(r.Context(), who, u.ID); err != nil {
		return err
	}
	return s.page(w, r, status, views.Account(p))
}

// accountDone goes back to the account after an act on it. What can be mended is shown at its field; as says where fields of the
// page have other names.
func (s *Server) accountDone(w http.ResponseWriter, r *http.Request, who access.Actor, saved string, err error, p views.AccountPage, as map[string]string) error {
	problem := problemOf(err)
	switch {
	case err == nil:
		return redirect(w, r, "/settings/account?saved="+saved)
	case len(problem.Fields) == 0:
		return err
	}
	p.Errors = map[string]string{}
	for field, words := range problem.Fields {
		if other := as[field]; other != "" {
			field = other
		}
		p.Errors[field] = words
	}
	return s.accountPage(w, r, who, problem.Status, p)
}

func (s *Server) renameAccount(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	name := r.PostFormValue("name")
	err := s.Workspace.SetOwnName(r.Context(), who, name)
	return s.accountDone(w, r, who, "name", err, views.AccountPage{Name: name}, nil)
}

// changePassword takes the password before and the next one. What runs in the person's other sessions ends.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	err := s.Auth.SetPassword(r.Context(), w, r, who, r.PostFormValue("current"), r.PostFormValue("password"))
	if err == nil {
		err = s.Workspace.EndWhatIsNotAllowed(r.Context())
	}
	return s.accountDone(w, r, who, "password", err, views.AccountPage{}, nil)
}

func (s *Server) endOwnSession(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.EndSession(r.Context(), who, who.UserID, r.PostFormValue("session")); err != nil {
		return err
	}
	return redirect(w, r, "/settings/account")
}

func (s *Server) endOtherSessions(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.accountDone(w, r, who, "sessions", s.Workspace.EndOtherSessions(r.Context(), who), views.AccountPage{}, nil)
}

// beginTOTP shows the secret of a second step.
func (s *Server) beginTOTP(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	e, err := s.Auth.BeginTOTP(r.Context(), who)
	if err != nil {
		return s.accountDone(w, r, who, "", err, views.AccountPage{}, nil)
	}
	return s.totpPage(w, r, who, http.StatusOK, e, "")
}

func (s *Server) totpPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, e auth.Enrolment, wrong string) error {
	return s.page(w, r, status, views.SetUpTOTP(views.TOTPForm{Page: s.layout(r, who, "Two-step sign-in", "account"), Secret: e.Secret, QR: e.QR, Error: wrong}))
}

// confirmTOTP turns the second step on, and shows its recovery codes this once.
func (s *Server) confirmTOTP(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	codes, err := s.Auth.ConfirmTOTP(r.Context(), r, who, r.PostFormValue("code"))
	if p := problemOf(err); err != nil && p.Fields["code"] != "" {
		e, err := s.Auth.PendingTOTP(r.Context(), who) // the route has asked for the password: no stale session is shown it
		if err != nil {
			return err
		}
		return s.totpPage(w, r, who, p.Status, e, p.Fields["code"])
	}
	if err != nil {
		return s.accountDone(w, r, who, "", err, views.AccountPage{}, nil)
	}
	return s.page(w, r, http.StatusOK, views.RecoveryCodes(views.TOTPForm{Page: s.layout(r, who, "Recovery codes", "account"), Codes: codes}))
}

func (s *Server) turnOffTOTP(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	err := s.Auth.TurnOffTOTP(r.Context(), r, who, r.PostFormValue("totp_password"), r.PostFormValue("totp_code"))
	return s.accountDone(w, r, who, "totp", err, views.AccountPage{}, map[string]string{"password": "totp_password", "code": "totp_code"})
}

// codePage asks for the code of the sign-in that waits in this browser.
func (s *Server) codePage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	next := localPath(r.URL.Query().Get("next"))
	if err := s.Auth.AwaitsCode(r); errors.Is(err, auth.ErrSignInOver) {
		return redirect(w, r, "/sign-in?next="+queryEscape(next))
	} else if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.SignInCode(views.CodeForm{Page: s.layout(r, who, "Sign in", ""), Next: next}))
}

// signInWithCode takes the code and starts the session.
func (s *Server) signInWithCode(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	next := localPath(r.PostFormValue("next"))
	err := s.Auth.SignInWithCode(r.Context(), w, r, r.PostFormValue("code"))
	form := views.CodeForm{Page: s.layout(r, who, "Sign in", ""), Next: next}
	var slow *auth.LimitedError
	switch {
	case err == nil:
		return redirect(w, r, next)
	case errors.Is(err, auth.ErrSignInOver):
		return redirect(w, r, "/sign-in?next="+queryEscape(next))
	case errors.As(err, &slow):
		form.Error = "Too many attempts. Wait a few minutes, then try again"
		return s.page(w, r, http.StatusTooManyRequests, views.SignInCode(form))
	case errors.Is(err, auth.ErrWrongCode), errors.Is(err, auth.ErrCodeNeeded):
		form.Error = "The code is wrong or was used already. Wait for the next one"
		return s.page(w, r, http.StatusUnprocessableEntity, views.SignInCode(form))
	}
	return err
}

// awaitCode sends a browser to the page that asks for the code.
func awaitCode(w http.ResponseWriter, r *http.Request, next string) error {
	return redirect(w, r, "/sign-in/code?next="+queryEscape(next))
}
