package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// What a rule does to a request.
const (
	actionDrop      = "drop"       // close the connection before the request is handled
	actionDropReply = "drop-reply" // handle it, and close the connection without an answer
	actionStatus    = "status"     // answer with an HTTP status and nothing else
	actionFault     = "fault"      // answer with a fault
	actionTaskFault = "task-fault" // accept the task, and let it fail with a fault
	actionDelay     = "delay"      // hold the request back before it is handled
)

// rule is an order to treat the next requests of a method in another way.
type rule struct {
	Method  string          `json:"method"` // "*" is every method
	Action  string          `json:"action"`
	Times   int             `json:"times"`   // 1 without it
	Status  int             `json:"status"`  // 503 without it
	Fault   string          `json:"fault"`   // the fault's type, as InvalidState
	Message string          `json:"message"` // vCenter's words
	Fields  json.RawMessage `json:"fields"`  // the fault's own fields
	DelayMS int             `json:"delayMs"`
}

func (r *rule) check() error {
	if r.Times == 0 {
		r.Times = 1
	}
	if r.Status == 0 {
		r.Status = http.StatusServiceUnavailable
	}
	switch r.Action {
	case actionDrop, actionDropReply, actionStatus, actionDelay:
	case actionFault, actionTaskFault:
		fault := faultOf(r.Fault)
		if fault == nil {
			return fmt.Errorf("there is no fault %q", r.Fault)
		}
		if len(r.Fields) > 0 {
			return json.Unmarshal(r.Fields, fault)
		}
	default:
		return fmt.Errorf("there is no action %q", r.Action)
	}
	return nil
}

// fault makes the ordered fault; check has seen that it can.
func (r *rule) fault() types.BaseMethodFault {
	fault := faultOf(r.Fault)
	if len(r.Fields) > 0 {
		_ = json.Unmarshal(r.Fields, fault)
	}
	return fault
}

// rules are the orders in force, and how often each method was called.
type rules struct {
	mutex sync.Mutex
	list  []*rule
	calls map[string]int
}

func (r *rules) add(new rule) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.list = append(r.list, &new)
}

func (r *rules) clear() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.list = nil
}

// take counts a call, and returns the first rule for it, which is then used up by one.
func (r *rules) take(method string) rule {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.calls == nil {
		r.calls = map[string]int{}
	}
	r.calls[method]++
	for _, rule := range r.list {
		if rule.Times > 0 && (rule.Method == method || rule.Method == "*") {
			rule.Times--
			return *rule
		}
	}
	return rule{}
}

func (r *rules) counts() map[string]int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	counts := map[string]int{}
	for method, n := range r.calls {
		counts[method] = n
	}
	return counts
}

const envelope = xml.Header + `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
	`xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
	"\n<soapenv:Body>\n%s\n</soapenv:Body>\n</soapenv:Envelope>\n"

func writeReturnval(w http.ResponseWriter, method string, ref types.ManagedObjectReference) {
	name := xml.Name{Space: "urn:vim25", Local: method + "Response"}
	response := struct {
		Returnval types.ManagedObjectReference `xml:"returnval"`
	}{ref}
	writeBody(w, http.StatusOK, element(response, xml.StartElement{Name: name}))
}

func writeFault(w http.ResponseWriter, message string, fault types.BaseMethodFault) {
	kind := reflect.TypeOf(fault).Elem().Name()
	detail := element(fault, xml.StartElement{
		Name: xml.Name{Space: "urn:vim25", Local: kind + "Fault"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xsi:type"}, Value: kind}},
	})
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(message))
	body := fmt.Sprintf("<soapenv:Fault><faultcode>ServerFaultCode</faultcode>"+
		"<faultstring>%s</faultstring><detail>%s</detail></soapenv:Fault>", text.String(), detail)
	writeBody(w, http.StatusInternalServerError, body)
}

func element(value interface{}, start xml.StartElement) string {
	var text bytes.Buffer
	encoder := xml.NewEncoder(&text)
	if err := encoder.EncodeElement(value, start); err != nil {
		panic(err)
	}
	return text.String()
}

func writeBody(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", `text/xml; charset="utf-8"`)
	w.WriteHeader(status)
	fmt.Fprintf(w, envelope, body)
}

// faultOf makes an empty fault of that type, or nil when there is no such type.
func faultOf(name string) types.BaseMethodFault {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil
	}
	fault, _ := reflect.New(kind).Interface().(types.BaseMethodFault)
	return fault
}
