package main

import (
	"bytes"
	"fmt"
	"path"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// machinesPerPool leaves one ordinary VM beside the templates, as there is in every real inventory.
const machinesPerPool = 4

const markKey = "guestinfo.stagewatch.request"

type template struct {
	name      string
	guestID   string
	guestName string
	cpus      int32
	memoryMB  int32
	diskGB    int64
}

var templates = []template{
	{"ubuntu-24.04", "ubuntu64Guest", "Ubuntu Linux (64-bit)", 2, 4096, 20},
	{"debian-12", "debian12_64Guest", "Debian GNU/Linux 12 (64-bit)", 1, 2048, 10},
	{"windows-2022", "windows2019srvNext_64Guest", "Microsoft Windows Server 2022 (64-bit)", 4, 8192, 60},
}

// guestNames has the names that vCenter shows for the guest ids; a clone would show the bare id.
var guestNames = map[string]string{}

// makeTemplates turns the first VMs of the cluster into the templates.
func makeTemplates() error {
	vms := virtualMachines()
	for _, vm := range vms {
		ownDevices(vm)
	}
	var machines []*simulator.VirtualMachine
	for _, vm := range vms {
		if strings.HasPrefix(vm.Name, "DC0_C0_") {
			machines = append(machines, vm)
		}
	}
	if len(machines) < len(templates) {
		return fmt.Errorf("%d machines are too few for %d templates", len(machines), len(templates))
	}
	for i, t := range templates {
		guestNames[t.guestID] = t.guestName
		simulator.GuestID = append(simulator.GuestID, types.VirtualMachineGuestOsIdentifier(t.guestID))
		if err := makeTemplate(machines[i], t); err != nil {
			return err
		}
	}
	return nil
}

// markUplinks tags the port groups of the switches' own uplinks, as a real vCenter does: no VM can be
// connected to one.
func markUplinks() {
	for _, entity := range simulator.Map.All("DistributedVirtualPortgroup") {
		group := entity.(*simulator.DistributedVirtualPortgroup)
		if strings.Contains(group.Name, "-DVUplinks-") {
			group.Tag = []types.Tag{{Key: "SYSTEM/DVS.UPLINKPG"}}
		}
	}
}

func switchOffDRS() {
	for _, entity := range simulator.Map.All("ClusterComputeResource") {
		cluster := entity.(*simulator.ClusterComputeResource)
		cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.Enabled = types.NewBool(false)
	}
}

// choosesHosts says whether VMs can be put into a pool without a host being named.
func choosesHosts(pool types.ManagedObjectReference) bool {
	object, ok := simulator.Map.Get(pool).(*simulator.ResourcePool)
	if !ok {
		return true
	}
	cluster, ok := simulator.Map.Get(object.Owner).(*simulator.ClusterComputeResource)
	return !ok || *cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.Enabled
}

func makeTemplate(vm *simulator.VirtualMachine, t template) error {
	for _, device := range vm.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			disk.CapacityInKB = t.diskGB << 20
			disk.CapacityInBytes = t.diskGB << 30
		}
	}
	update(vm,
		"name", t.name,
		"config.name", t.name,
		"config.guestId", t.guestID,
		"config.guestFullName", t.guestName,
		"config.hardware.numCPU", t.cpus,
		"config.hardware.memoryMB", t.memoryMB,
		"summary.config.name", t.name,
		"summary.config.guestId", t.guestID,
		"summary.config.guestFullName", t.guestName,
		"summary.config.numCpu", t.cpus,
		"summary.config.memorySizeMB", t.memoryMB,
		"summary.guest.guestId", t.guestID,
		"runtime.powerState", types.VirtualMachinePowerStatePoweredOff,
		"summary.runtime.powerState", types.VirtualMachinePowerStatePoweredOff,
	)
	if fault := vm.MarkAsTemplate(&types.MarkAsTemplate{This: vm.Self}).Fault(); fault != nil {
		return fmt.Errorf("%s: %s", t.name, fault.String)
	}
	return nil
}

// update changes properties (name, value, name, value, ...) under the object's lock, and tells the
// property collectors.
func update(object mo.Reference, pairs ...interface{}) {
	var changes []types.PropertyChange
	for i := 0; i < len(pairs); i += 2 {
		changes = append(changes, types.PropertyChange{Name: pairs[i].(string), Val: pairs[i+1]})
	}
	simulator.Map.WithLock(object, func() { simulator.Map.Update(object, changes) })
}

var lastMAC uint32

// ownDevices gives a VM devices that it shares with no other, each network card with a MAC address
// of its own: the library clones by copying pointers.
func ownDevices(vm *simulator.VirtualMachine) {
	devices := copyDevices(vm.Config.Hardware.Device)
	var nics []types.GuestNicInfo
	for _, device := range devices {
		if card, ok := device.(types.BaseVirtualEthernetCard); ok {
			n := atomic.AddUint32(&lastMAC, 1)
			nic := card.GetVirtualEthernetCard()
			nic.MacAddress = fmt.Sprintf("00:50:56:80:%02x:%02x", byte(n>>8), byte(n))
			nics = append(nics, types.GuestNicInfo{
				MacAddress:     nic.MacAddress,
				Connected:      true,
				DeviceConfigId: nic.Key,
			})
		}
	}
	update(vm, "config.hardware.device", devices, "guest.net", nics)
}

func copyDevices(devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	var buffer bytes.Buffer
	var hardware types.VirtualHardware
	decoder := xml.NewDecoder(&buffer)
	decoder.TypeFunc = types.TypeFunc()
	if err := xml.NewEncoder(&buffer).Encode(types.VirtualHardware{Device: devices}); err != nil {
		panic(err)
	}
	if err := decoder.Decode(&hardware); err != nil {
		panic(err)
	}
	return hardware.Device
}

// virtualMachines lists all VMs and templates by the order in which they were made.
func virtualMachines() []*simulator.VirtualMachine {
	var vms []*simulator.VirtualMachine
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vms = append(vms, entity.(*simulator.VirtualMachine))
	}
	sort.Slice(vms, func(i, j int) bool { return vms[i].Config.Files.VmPathName < vms[j].Config.Files.VmPathName })
	return vms
}

func virtualMachine(ref types.ManagedObjectReference) *simulator.VirtualMachine {
	vm, _ := simulator.Map.Get(ref).(*simulator.VirtualMachine)
	return vm
}

// mark is the value of our key in the VM's extraConfig.
func mark(vm *simulator.VirtualMachine) string {
	for _, option := range vm.Config.ExtraConfig {
		if value := option.GetOptionValue(); value.Key == markKey {
			return fmt.Sprint(value.Value)
		}
	}
	return ""
}

// nameInFolder says whether the folder has a child of that name.
func nameInFolder(folder types.ManagedObjectReference, name string) bool {
	object, ok := simulator.Map.Get(folder).(*simulator.Folder)
	return ok && simulator.Map.FindByName(name, object.ChildEntity) != nil
}

func uuidInUse(instanceUUID string) bool {
	for _, vm := range virtualMachines() {
		if strings.EqualFold(vm.Config.InstanceUuid, instanceUUID) {
			return true
		}
	}
	return false
}

func isWindows(vm *simulator.VirtualMachine) bool {
	matched, _ := path.Match("win*", strings.ToLower(vm.Config.GuestId))
	return matched
}
