package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// machine is what the tests look at in a VM.
type machine struct {
	Moref        string   `json:"moref"`
	Name         string   `json:"name"`
	Template     bool     `json:"template"`
	InstanceUUID string   `json:"instanceUuid"`
	Mark         string   `json:"mark"`
	CPUs         int32    `json:"cpus"`
	MemoryMiB    int32    `json:"memoryMib"`
	Annotation   string   `json:"annotation"`
	PowerState   string   `json:"powerState"`
	Pool         string   `json:"pool"`     // its managed object id; templates have none
	Host         string   `json:"host"`     // its name
	Networks     []string `json:"networks"` // their names
	Hostname     string   `json:"hostname"`
	IP           string   `json:"ip"`
}

// newControl is the API by which tests look into the simulator and make it misbehave:
//
//	GET    /vms              all VMs and templates
//	DELETE /vms/NAME         power off and destroy, behind everybody's back
//	GET    /calls            how often each method was called
//	POST   /rules            a rule (see there): what goes wrong, for which method, how often
//	DELETE /rules            everything goes right again
//	GET    /tasks            the tasks that have ended, and when
//	POST   /tasks            {"method": "" for all, "delayMs"}: how long tasks take from now on
//	POST   /addresses        {"withhold", "delayMs"}: whether DHCP gives any, and how late
//	POST   /vms/NAME         any of {"addresses", "connected", "poweredOn"}: a running guest has
//	                         exactly these from now on, its network card's cable is plugged in or
//	                         not, its power is switched, all behind everybody's back
//	POST   /sessions/expire  log everybody out
func newControl(v *vcenter) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/vms", func(w http.ResponseWriter, r *http.Request) {
		answer(w, listMachines())
	})
	mux.HandleFunc("/vms/", func(w http.ResponseWriter, r *http.Request) {
		var order guestOrder
		do := v.destroy
		if r.Method != http.MethodDelete {
			if !read(w, r, &order) {
				return
			}
			do = func(vm *simulator.VirtualMachine) bool { return v.change(vm, order) }
		}
		world.Lock()
		defer world.Unlock()
		vm := machineNamed(strings.TrimPrefix(r.URL.Path, "/vms/"))
		if vm == nil || !do(vm) {
			http.NotFound(w, r)
		}
	})
	mux.HandleFunc("/calls", func(w http.ResponseWriter, r *http.Request) {
		answer(w, v.rules.counts())
	})
	mux.HandleFunc("/rules", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			v.rules.clear()
			return
		}
		var order rule
		if read(w, r, &order) {
			if err := order.check(); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			v.rules.add(order)
		}
	})
	mux.HandleFunc("/tasks", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			answer(w, v.listEnded())
			return
		}
		var order struct {
			Method  string
			DelayMS int
		}
		if read(w, r, &order) {
			v.tasks.set(order.Method, time.Duration(order.DelayMS)*time.Millisecond)
		}
	})
	mux.HandleFunc("/addresses", func(w http.ResponseWriter, r *http.Request) {
		var order struct {
			Withhold *bool
			DelayMS  *int
		}
		if read(w, r, &order) {
			v.guests.order(order.Withhold, order.DelayMS)
		}
	})
	mux.HandleFunc("/sessions/expire", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]int{"expired": expireSessions()})
	})
	return mux
}

func read(w http.ResponseWriter, r *http.Request, order interface{}) bool {
	if r.Method != http.MethodPost {
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return false
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, requestBytesMax))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, value interface{}) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func listMachines() []machine {
	world.RLock()
	defer world.RUnlock()
	list := []machine{}
	for _, vm := range virtualMachines() {
		list = append(list, machine{
			Moref:        vm.Self.Value,
			Name:         vm.Name,
			Template:     vm.Config.Template,
			InstanceUUID: vm.Config.InstanceUuid,
			Mark:         mark(vm),
			CPUs:         vm.Config.Hardware.NumCPU,
			MemoryMiB:    vm.Config.Hardware.MemoryMB,
			Annotation:   vm.Config.Annotation,
			PowerState:   string(vm.Runtime.PowerState),
			Pool:         poolOf(vm),
			Host:         hostName(vm),
			Networks:     networkNames(vm),
			Hostname:     vm.Guest.HostName,
			IP:           vm.Guest.IpAddress,
		})
	}
	return list
}

func poolOf(vm *simulator.VirtualMachine) string {
	if vm.ResourcePool == nil {
		return ""
	}
	return vm.ResourcePool.Value
}

func hostName(vm *simulator.VirtualMachine) string {
	if host, ok := simulator.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		return host.Name
	}
	return ""
}

func networkNames(vm *simulator.VirtualMachine) []string {
	names := []string{}
	for _, ref := range vm.Network {
		switch network := simulator.Map.Get(ref).(type) {
		case *mo.Network:
			names = append(names, network.Name)
		case *simulator.DistributedVirtualPortgroup:
			names = append(names, network.Name)
		}
	}
	return names
}

func machineNamed(name string) *simulator.VirtualMachine {
	for _, vm := range virtualMachines() {
		if vm.Name == name {
			return vm
		}
	}
	return nil
}

// guestOrder is what is to become of a VM; what is left out stays as it is.
type guestOrder struct {
	Addresses *[]string
	Connected *bool
	PoweredOn *bool
}

// change does what somebody else with rights in vCenter, or in the guest, may do.
func (v *vcenter) change(vm *simulator.VirtualMachine, order guestOrder) bool {
	var fault types.BaseMethodFault
	if order.PoweredOn != nil {
		if *order.PoweredOn {
			_, fault = v.powerOn(&types.PowerOnVM_Task{This: vm.Self}).do()
		} else {
			_, fault = v.powerOff(&types.PowerOffVM_Task{This: vm.Self}).do()
		}
	}
	if order.Connected != nil {
		v.guests.plug(vm, *order.Connected)
	}
	if order.Addresses != nil {
		v.guests.give(vm, *order.Addresses)
	}
	return fault == nil
}

// destroy removes a VM at once, as somebody else with rights in vCenter may.
func (v *vcenter) destroy(vm *simulator.VirtualMachine) bool {
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		v.library(&methods.PowerOffVM_TaskBody{Req: &types.PowerOffVM_Task{This: vm.Self}})
	}
	_, fault := v.library(&methods.Destroy_TaskBody{Req: &types.Destroy_Task{This: vm.Self}})
	return fault == nil
}

func (g *guests) order(withhold *bool, delayMS *int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if withhold != nil {
		g.withhold = *withhold
	}
	if delayMS != nil {
		g.delay = time.Duration(*delayMS) * time.Millisecond
	}
}
