package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// guestPoll is how often a guest that DHCP gives no address asks again.
const guestPoll = 10 * time.Millisecond

const linkLocal = "fe80::1"

type guestSettings struct {
	hostname string
	address  string // empty: from DHCP
}

// guests plays what runs inside the VMs. Its methods are called with the world held for writing.
type guests struct {
	delay    time.Duration
	mutex    sync.Mutex // guards delay and withhold, which the control API sets
	withhold bool       // DHCP gives no address
	leases   int
	boots    map[types.ManagedObjectReference]int
	settings map[types.ManagedObjectReference]guestSettings
}

func (g *guests) customized(vm *simulator.VirtualMachine, wanted guestSettings) {
	if g.settings == nil {
		g.settings = map[types.ManagedObjectReference]guestSettings{}
	}
	g.settings[vm.Self] = wanted
}

func (g *guests) stopped(vm *simulator.VirtualMachine) {
	g.newBoot(vm)
	g.show(vm, types.VirtualMachineToolsRunningStatusGuestToolsNotRunning, "", nil)
}

func (g *guests) newBoot(vm *simulator.VirtualMachine) int {
	if g.boots == nil {
		g.boots = map[types.ManagedObjectReference]int{}
	}
	g.boots[vm.Self]++
	return g.boots[vm.Self]
}

// booted lets the guest come up by itself: first its tools and a link-local address, as guests do,
// and later the address that it keeps.
func (g *guests) booted(vm *simulator.VirtualMachine) {
	boot := g.newBoot(vm)
	fixed := g.settings[vm.Self].address
	address := fixed
	if fixed == "" {
		g.leases++
		address = fmt.Sprintf("10.30.%d.%d", g.leases/250, g.leases%250+1)
	}
	delay, _ := g.orders()
	go func() {
		time.Sleep(delay / 2)
		if !g.during(vm, boot, func() { g.run(vm, linkLocal) }) {
			return
		}
		time.Sleep(delay / 2)
		for _, withhold := g.orders(); withhold && fixed == ""; _, withhold = g.orders() {
			time.Sleep(guestPoll)
		}
		g.during(vm, boot, func() { g.run(vm, linkLocal, address) })
	}()
}

// give lets a guest have exactly these addresses from now on, whatever it would have done by itself.
func (g *guests) give(vm *simulator.VirtualMachine, addresses []string) {
	g.newBoot(vm)
	g.run(vm, addresses...)
}

// plug lets the first network card's cable be plugged in, or not.
func (g *guests) plug(vm *simulator.VirtualMachine, connected bool) {
	nics := append([]types.GuestNicInfo(nil), vm.Guest.Net...)
	if len(nics) > 0 {
		nics[0].Connected = connected
	}
	update(vm, "guest.net", nics)
}

// run shows a guest whose tools run.
func (g *guests) run(vm *simulator.VirtualMachine, addresses ...string) {
	hostname := vm.Name
	if settings, ok := g.settings[vm.Self]; ok {
		hostname = settings.hostname
	}
	g.show(vm, types.VirtualMachineToolsRunningStatusGuestToolsRunning, hostname, addresses)
}

func (g *guests) orders() (time.Duration, bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.delay, g.withhold
}

// during does something to a guest if it has not been stopped, or destroyed, since that boot.
func (g *guests) during(vm *simulator.VirtualMachine, boot int, do func()) bool {
	world.Lock()
	defer world.Unlock()
	if g.boots[vm.Self] != boot || virtualMachine(vm.Self) == nil {
		return false
	}
	do()
	return true
}

// show tells what the guest's tools report. The addresses are those of the first network card.
func (g *guests) show(vm *simulator.VirtualMachine, tools types.VirtualMachineToolsRunningStatus, hostname string, addresses []string) {
	nics := append([]types.GuestNicInfo(nil), vm.Guest.Net...)
	for i := range nics {
		nics[i].IpAddress = nil
	}
	primary := ""
	if len(addresses) > 0 {
		primary = addresses[len(addresses)-1]
	}
	if len(nics) > 0 {
		nics[0].IpAddress = addresses
	}
	update(vm,
		"guest.net", nics,
		"guest.ipAddress", primary,
		"guest.hostName", hostname,
		"guest.toolsRunningStatus", string(tools),
		"summary.guest.ipAddress", primary,
		"summary.guest.hostName", hostname,
		"summary.guest.toolsRunningStatus", string(tools))
}
