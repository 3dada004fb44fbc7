// Command vcsim is the vCenter that the tests and `make run-vcsim` use: govmomi's simulator, made to
// behave like a real one where that matters to us. Tasks run beside the call that started them and
// can be slow, a name and an instanceUuid can be used once only, guests get addresses by themselves,
// and a control port makes things go wrong on purpose.
//
// It needs no Go module and no network, only Debian's golang-github-vmware-govmomi-dev:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o OUT ./end2end/vcsim
//
// When it is ready it prints one line of JSON, and nothing else, to its standard output. It keeps no
// state: a restart begins with the same inventory, and hands the same managed object ids out again.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
)

type options struct {
	listen        string
	control       string
	tlsDir        string
	username      string
	password      string
	instanceUUID  string
	taskDelay     time.Duration
	addressDelay  time.Duration
	datacenters   int
	datastores    int
	noDRS         bool
	exitWithStdin bool
	verbose       bool
}

// ready is the line that tells whoever started us that requests are served now, and where.
type ready struct {
	URL      string `json:"url"`
	CAFile   string `json:"caFile"`
	Username string `json:"username"`
	Control  string `json:"control,omitempty"`
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback `address` of the SOAP endpoint; port 0 takes a free one")
	flag.StringVar(&o.control, "control", "", "loopback `address` of the control API; none without it")
	flag.StringVar(&o.tlsDir, "tls-dir", "", "`folder` for the certificate, its key, and ca.pem (required)")
	flag.StringVar(&o.username, "username", "user", "the only user `name` that may log in")
	flag.StringVar(&o.password, "password", "pass", "its `password`")
	flag.StringVar(&o.instanceUUID, "instance-uuid", "", "`uuid` in the about information; a fixed one without it")
	flag.DurationVar(&o.taskDelay, "task-delay", 0, "how long each task takes")
	flag.DurationVar(&o.addressDelay, "address-delay", 300*time.Millisecond, "from power-on to the guest's address")
	flag.IntVar(&o.datacenters, "datacenters", 1, "how many datacenters there are")
	flag.IntVar(&o.datastores, "datastores", 1, "how many datastores each has")
	flag.BoolVar(&o.noDRS, "no-drs", false, "the cluster does not choose hosts for VMs")
	flag.IntVar(&pageObjects, "page-objects", 0, "the most objects in one page of properties")
	flag.BoolVar(&o.exitWithStdin, "exit-with-stdin", false, "stop when the standard input is closed")
	flag.BoolVar(&o.verbose, "verbose", false, "log what the simulator does to the standard error")
	flag.Parse()
	return o
}

func main() {
	o := parseOptions()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.tlsDir == "" {
		return fmt.Errorf("-tls-dir is missing")
	}
	if !o.verbose {
		log.SetOutput(io.Discard) // the simulator logs every update of every object
	}

	model, err := newModel(o)
	if err != nil {
		return err
	}
	defer model.Remove()

	certificate, caFile, err := makeCertificate(o.tlsDir)
	if err != nil {
		return err
	}
	vcenter := newVcenter(model.Service, o)
	soap, err := serve(o.listen, vcenter, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
	})
	if err != nil {
		return err
	}
	defer soap.Close()

	line := ready{URL: "https://" + soap.Addr + "/sdk", CAFile: caFile, Username: o.username}
	if o.control != "" {
		control, err := serve(o.control, newControl(vcenter), nil)
		if err != nil {
			return err
		}
		defer control.Close()
		line.Control = "http://" + control.Addr
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	waitForEnd(o.exitWithStdin)
	return nil
}

// newModel makes the inventory. The service is not served by the library's own server, which would
// answer with its RSA-1024 certificate and leave no room for our handler in front of it.
func newModel(o options) (*simulator.Model, error) {
	model := simulator.VPX()
	model.Machine = machinesPerPool
	model.Datacenter = o.datacenters
	model.Datastore = o.datastores
	if o.instanceUUID != "" {
		model.ServiceContent.About.InstanceUuid = o.instanceUUID
	}
	if err := model.Create(); err != nil {
		return nil, err
	}
	model.Service.Listen = &url.URL{
		Scheme: "https",
		Host:   o.listen,
		User:   url.UserPassword(o.username, o.password),
	}
	model.Service.RegisterSDK(simulator.Map)
	markUplinks()
	if o.noDRS {
		switchOffDRS()
	}
	return model, makeTemplates()
}

// serve listens on a loopback address, with TLS when there is a configuration for it. The returned
// server's Addr has the port that was taken.
func serve(address string, handler http.Handler, config *tls.Config) (*http.Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Addr:     listener.Addr().String(),
		Handler:  handler,
		ErrorLog: log.Default(),
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			fmt.Fprintln(os.Stderr, "vcsim:", err)
			os.Exit(1)
		}
	}()
	return server, nil
}

// waitForEnd returns on SIGTERM or SIGINT, and, if wanted, when the standard input is closed: so a
// test that is killed leaves no simulator behind.
func waitForEnd(exitWithStdin bool) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if exitWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	<-ctx.Done()
}
