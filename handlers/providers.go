package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/claims"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/views"
)

func (s *Server) signInSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.signInSettingsPage(w, r, who, http.StatusOK, "")
}

func (s *Server) signInSettingsPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, refused string) error {
	p := views.SignInPage{Page: s.layout(r, who, "Sign-in", "sign-in"), Error: refused}
	providers, err := s.Store.Providers(r.Context())
	if err != nil {
		return err
	}
	for _, one := range providers {
		people, err := s.Store.Identities(r.Context(), one.ID)
		if err != nil {
			return err
		}
		row := views.ProviderRow{ID: one.ID, Name: one.Name, Issuer: one.Issuer, Enabled: one.Enabled, People: len(people)}
		for _, i := range people {
			if i.Warning != "" {
				row.Warnings++
			}
		}
		p.Providers = append(p.Providers, row)
	}
	if p.Local, err = s.Auth.LocalSignIn(r.Context()); err != nil {
		return err
	}
	if p.MayTurnOff, err = s.Auth.LocalMayEnd(r.Context()); err != nil {
		return err
	}
	return s.page(w, r, status, views.SignInSettings(p))
}

// setLocalSignIn turns signing in with a password on or off.
func (s *Server) setLocalSignIn(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	err := s.Auth.SetLocalSignIn(r.Context(), who, r.PostFormValue("on") == "true")
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.signInSettingsPage(w, r, who, p.Status, firstOf(p.Fields))
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/sign-in")
}

func (s *Server) newProvider(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	form := views.ProviderForm{Scopes: "openid email profile", Enabled: true}
	return s.newProviderPage(w, r, who, http.StatusOK, views.ProviderPage{Form: form})
}

func (s *Server) newProviderPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, p views.ProviderPage) error {
	p.Page, p.New, p.Roles, p.Redirect = s.layout(r, who, "New provider", "sign-in"), true, roleChoices, s.Auth.CallbackURL("SHORT-NAME")
	return s.page(w, r, status, views.Provider(p))
}

// providerInput reads the form of a provider; the second answer is what to show of it again.
func providerInput(r *http.Request, id string) (auth.ProviderInput, views.ProviderForm) {
	f := views.ProviderForm{ID: id, Name: r.PostFormValue("name"), Issuer: r.PostFormValue("issuer"), ClientID: r.PostFormValue("client_id"),
		Scopes: r.PostFormValue("scopes"), LinkDomains: r.PostFormValue("link_domains"), DefaultRole: r.PostFormValue("default_role"),
		TrustsEmail: r.PostFormValue("trusts_email") == "true", Enabled: r.PostFormValue("enabled") == "true"}
	return auth.ProviderInput{ID: f.ID, Name: f.Name, Issuer: f.Issuer, ClientID: f.ClientID, Secret: secret.New(r.PostFormValue("client_secret")),
		ForgetSecret: r.PostFormValue("remove-client_secret") == "true", Scopes: f.Scopes, LinkDomains: f.LinkDomains,
		DefaultRole: access.Role(f.DefaultRole), TrustsEmail: f.TrustsEmail, Enabled: f.Enabled}, f
}

func (s *Server) createProvider(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, form := providerInput(r, strings.TrimSpace(r.PostFormValue("id")))
	p, err := s.Auth.CreateProvider(r.Context(), who, in)
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		form.Errors = bad.Fields
		return s.newProviderPage(w, r, who, bad.Status, views.ProviderPage{Form: form})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/sign-in/providers/"+p.ID)
}

func (s *Server) providerPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.showProvider(w, r, who, http.StatusOK, nil)
}

// showProvider completes and renders a provider's page; every act on it ends here. change puts what was typed in place of what
// is kept.
func (s *Server) showProvider(w http.ResponseWriter, r *http.Request, who access.Actor, status int, change func(*views.ProviderPage)) error {
	kept, err := s.Store.Provider(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	p := views.ProviderPage{Page: s.layout(r, who, kept.Name, "sign-in"), ID: kept.ID, Name: kept.Name, Roles: roleChoices, Now: s.Now(),
		Redirect: s.Auth.CallbackURL(kept.ID), Backchannel: s.Auth.BackchannelURL(kept.ID), SignedOut: s.Auth.SignedOutURL(),
		Form: views.ProviderForm{ID: kept.ID, Name: kept.Name, Issuer: kept.Issuer, ClientID: kept.ClientID, Scopes: strings.Join(kept.Scopes, " "),
			LinkDomains: strings.Join(kept.LinkDomains, " "), DefaultRole: string(kept.DefaultRole), TrustsEmail: kept.TrustsEmail, Enabled: kept.Enabled}}
	for _, rule := range kept.Rules {
		p.Rules = append(p.Rules, views.RuleRow{Claim: rule.Claim, Value: rule.Value, Role: string(rule.Role), Group: rule.Group})
	}
	if p.People, err = s.needALook(r, kept.ID); err != nil {
		return err
	}
	if change != nil {
		change(&p)
	}
	p.Form.SecretSaved = kept.SecretSet
	return s.page(w, r, status, views.Provider(p))
}

// needALook are the people of a provider about whose claims there is a warning.
func (s *Server) needALook(r *http.Request, providerID string) (out []views.ProviderPerson, err error) {
	people, err := s.Store.Identities(r.Context(), providerID)
	if err != nil {
		return nil, err
	}
	for _, i := range people {
		if i.Warning == "" {
			continue
		}
		u, err := s.Store.User(r.Context(), i.UserID)
		if err != nil {
			return nil, err
		}
		out = append(out, views.ProviderPerson{Name: u.Name, Email: u.Email, Warning: i.Warning, Stale: i.Stale})
	}
	return out, nil
}

func (s *Server) updateProvider(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	in, form := providerInput(r, r.PathValue("id"))
	_, err := s.Auth.UpdateProvider(r.Context(), who, in)
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		form.Errors = bad.Fields
		return s.showProvider(w, r, who, bad.Status, func(p *views.ProviderPage) { p.Form = form })
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/sign-in/providers/"+in.ID)
}

// testDiscovery asks the provider of a form what it says of itself. With script the answer is put into the form; without it
// comes with the form again, which then has no secret in it.
func (s *Server) testDiscovery(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	id := r.PostFormValue("page")
	in, form := providerInput(r, id)
	if id == "" {
		form.ID = r.PostFormValue("id")
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" {
		in.Name = "The provider"
	}
	d, err := s.Auth.TestDiscovery(r.Context(), who, in)
	var shown views.Discovery
	bad := problemOf(err)
	switch {
	case err == nil:
		shown.Facts = discoveryFacts(d)
	case bad.Code == "internal":
		return err
	case len(bad.Fields) > 0:
		shown.Error = firstOf(bad.Fields)
	default:
		shown.Error, shown.Hint = bad.Title, strings.TrimSpace(bad.Detail+". "+bad.Hint)
		if bad.Detail == "" {
			shown.Hint = "Check the issuer's address, and that this server can reach it"
		}
	}
	if isHTMX(r) {
		return s.page(w, r, http.StatusOK, views.DiscoveryResult(shown))
	}
	if id == "" {
		return s.newProviderPage(w, r, who, http.StatusOK, views.ProviderPage{Form: form, Discovery: &shown})
	}
	r.SetPathValue("id", id)
	return s.showProvider(w, r, who, http.StatusOK, func(p *views.ProviderPage) { p.Form, p.Discovery = form, &shown })
}

func discoveryFacts(d auth.Discovery) []views.Fact {
	yes := map[bool]string{true: "Yes", false: "No"}
	facts := []views.Fact{{Label: "Signatures", Value: strings.Join(d.Algorithms, ", ")}, {Label: "Signs out there too", Value: yes[d.SignOut]},
		{Label: "Back-channel logout", Value: yes[d.Backchannel]}, {Label: "Names itself in answers", Value: yes[d.AnswerIssuer]}}
	if len(d.Scopes) > 0 {
		facts = append(facts, views.Fact{Label: "Scopes", Value: strings.Join(d.Scopes, " ")})
	}
	return facts
}

// typedRules reads the rule editor. A rule of which nothing was typed is none.
func typedRules(r *http.Request) ([]views.RuleRow, error) {
	if err := r.ParseForm(); err != nil {
		return nil, &badRequest{"bad_form", "The form cannot be read"}
	}
	f := r.PostForm
	n := len(f["claim"])
	if len(f["value"]) != n || len(f["role"]) != n || len(f["group"]) != n || n > 1000 {
		return nil, &badRequest{"bad_form", "The form cannot be read"}
	}
	var rows []views.RuleRow
	for i := range n {
		rows = append(rows, views.RuleRow{Claim: strings.TrimSpace(f["claim"][i]), Value: strings.TrimSpace(f["value"][i]), Role: f["role"][i],
			Group: strings.TrimSpace(f["group"][i])})
	}
	return rows, nil
}

// saveRules keeps the rules of the editor, in their order.
func (s *Server) saveRules(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	typed, err := typedRules(r)
	if err != nil {
		return err
	}
	var rows []views.RuleRow
	var rules []claims.Rule
	for _, row := range typed {
		if row.Claim+row.Value+row.Group+row.Role == "" {
			continue
		}
		rows = append(rows, row)
		rules = append(rules, claims.Rule{Claim: row.Claim, Value: row.Value, Role: access.Role(row.Role), Group: row.Group})
	}
	err = s.Auth.SetRules(r.Context(), who, r.PathValue("id"), rules)
	var bad *auth.FieldsError
	if errors.As(err, &bad) {
		for i := range rows {
			rows[i].Error = bad.Fields[fmt.Sprintf("rule-%d", i)]
		}
		return s.showProvider(w, r, who, http.StatusUnprocessableEntity, func(p *views.ProviderPage) { p.Rules, p.RulesError = rows, bad.Fields["rules"] })
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/sign-in/providers/"+r.PathValue("id")+"#rules")
}

// arrangeRules adds, moves and removes rules on the screen; nothing is saved.
func (s *Server) arrangeRules(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	rows, err := typedRules(r)
	if err != nil {
		return err
	}
	act, at, _ := strings.Cut(r.PostForm.Get("act"), "-")
	i, err := strconv.Atoi(at)
	if act != "add" && (err != nil || i < 0 || i >= len(rows)) {
		return &badRequest{"bad_form", "The form cannot be read"}
	}
	switch {
	case act == "add":
		rows = append(rows, views.RuleRow{Claim: "groups"})
	case act == "remove":
		rows = append(rows[:i], rows[i+1:]...)
	case act == "up" && i > 0:
		rows[i-1], rows[i] = rows[i], rows[i-1]
	case act == "down" && i < len(rows)-1:
		rows[i+1], rows[i] = rows[i], rows[i+1]
	}
	return s.showProvider(w, r, who, http.StatusOK, func(p *views.ProviderPage) { p.Rules = rows })
}

// tryToken shows what a pasted token would give. The token is not shown again.
func (s *Server) tryToken(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	t, err := s.Auth.TryToken(r.Context(), who, r.PathValue("id"), r.PostFormValue("token"))
	if bad := problemOf(err); err != nil && len(bad.Fields) > 0 {
		return s.showProvider(w, r, who, bad.Status, func(p *views.ProviderPage) { p.TokenError = bad.Fields["token"] })
	}
	if err != nil {
		return err
	}
	shown := trialView(t)
	return s.showProvider(w, r, who, http.StatusOK, func(p *views.ProviderPage) { p.Trial = &shown })
}

// findingWords are outcomes of a rule as people read them.
var findingWords = map[claims.Finding]string{claims.Matched: "Matches", claims.NotThere: "Does not match", claims.Unknown: "Unknown",
	claims.Overruled: "Matches; a rule above gave the role", claims.Withheld: "Not granted: a rule above is unknown"}

func trialView(t auth.Trial) views.Trial {
	v := views.Trial{Verified: t.Verified, Note: t.Note, Role: roleWord(t.Mapping.Role), Why: t.Mapping.Why, Groups: t.Mapping.Groups, Warnings: t.Mapping.Warnings}
	for _, s := range t.Mapping.Steps {
		var gives []string
		if s.Rule.Role != "" {
			gives = append(gives, "role "+roleWord(s.Rule.Role))
		}
		switch s.Rule.Group {
		case "":
		case claims.SameName:
			gives = append(gives, "the group of that name")
		default:
			gives = append(gives, "group "+s.Rule.Group)
		}
		v.Steps = append(v.Steps, views.TrialStep{Claim: s.Rule.Claim, Value: s.Rule.Value, Gives: strings.Join(gives, " and "), Outcome: findingWords[s.Finding],
			Values: s.Values, Good: s.Finding == claims.Matched || s.Finding == claims.Overruled,
			Unknown: s.Finding == claims.Unknown || s.Finding == claims.Withheld, Why: s.Why})
	}
	return v
}

// deleteProvider removes a provider whose name was typed.
func (s *Server) deleteProvider(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	p, err := s.Store.Provider(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	words := "Type the name as it stands above"
	if r.PostFormValue("confirm") == p.Name {
		err := s.Auth.DeleteProvider(r.Context(), who, p.ID)
		bad := problemOf(err)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return redirect(w, r, "/settings/sign-in")
		}
		if len(bad.Fields) == 0 {
			return err
		}
		words = firstOf(bad.Fields)
	}
	return s.showProvider(w, r, who, http.StatusUnprocessableEntity, func(p *views.ProviderPage) { p.DeleteError = words })
}
