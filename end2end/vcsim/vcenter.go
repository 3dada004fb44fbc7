package main

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// requestBytesMax bounds what is read of one request.
const requestBytesMax = 4 << 20

// world is held for writing while anything changes the inventory, and for reading while a request
// looks at it. The library locks single objects only, and shows a VM before it is complete.
var world sync.RWMutex

// vcenter answers SOAP requests. It stands before the library's service: it plays the faults that
// were ordered, and runs the tasks that matter beside the call that starts them.
type vcenter struct {
	service *simulator.Service
	soap    http.Handler
	login   types.Login // the only one that is right
	rules   rules
	tasks   taskDelays
	cancels cancels
	claims  claims
	guests  guests
	ended   []endedTask // in their order; guarded by world
}

func newVcenter(service *simulator.Service, o options) *vcenter {
	installCollector()
	login := types.Login{UserName: o.username, Password: o.password}
	v := &vcenter{service: service, soap: service.ServeMux, login: login, cancels: cancels{}}
	v.tasks.set("", o.taskDelay)
	v.guests.delay = o.addressDelay
	return v
}

func (v *vcenter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, requestBytesMax))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	method, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		v.soap.ServeHTTP(w, r) // it answers what is wrong
		return
	}

	rule := v.rules.take(method.Name)
	switch rule.Action {
	case actionDrop:
		hangUp(w)
	case actionStatus:
		w.WriteHeader(rule.Status)
	case actionFault:
		writeFault(w, rule.Message, rule.fault())
	case actionDropReply:
		v.handle(discard{header: http.Header{}}, r, method, rule)
		hangUp(w)
	case actionDelay:
		time.Sleep(time.Duration(rule.DelayMS) * time.Millisecond)
		v.handle(w, r, method, rule)
	default:
		v.handle(w, r, method, rule)
	}
}

func (v *vcenter) handle(w http.ResponseWriter, r *http.Request, method *simulator.Method, rule rule) {
	if work, ok := v.taskFor(method.Body); ok && loggedIn(r) && simulator.Map.Get(method.This) != nil {
		v.startTask(w, method, work, rule)
		return
	}
	if _, ok := method.Body.(*types.CancelTask); ok && loggedIn(r) {
		v.cancelTask(w, method.This)
		return
	}
	if login, ok := method.Body.(*types.Login); ok && (login.UserName != v.login.UserName || login.Password != v.login.Password) {
		// In a real vCenter's words, which people get to read.
		writeFault(w, "Cannot complete login due to an incorrect user name or password.", new(types.InvalidLogin))
		return
	}
	if method.Name != "WaitForUpdatesEx" { // it waits for what others change
		world.RLock()
		defer world.RUnlock()
	}
	v.soap.ServeHTTP(w, r)
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if connection, _, err := hijacker.Hijack(); err == nil {
			_ = connection.Close()
		}
	}
}

// discard is a reply that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// sessions lists who is logged in. The library keeps its table of sessions private, but copies it
// into the view of the SessionManager that each session gets.
func sessions() []types.UserSession {
	own := &simulator.Session{Registry: simulator.NewRegistry()}
	manager := own.Get(simulator.Map.SessionManager().Self).(*simulator.SessionManager)
	return manager.SessionList
}

func loggedIn(r *http.Request) bool {
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return false
	}
	for _, session := range sessions() {
		if session.Key == cookie.Value {
			return true
		}
	}
	return false
}

// expireSessions ends every session, as vCenter does with idle ones, and says how many there were.
func expireSessions() int {
	all := sessions()
	ctx := &simulator.Context{
		Map:     simulator.Map,
		Session: &simulator.Session{Registry: simulator.NewRegistry()},
	}
	for _, session := range all {
		simulator.Map.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{session.Key}})
	}
	return len(all)
}
