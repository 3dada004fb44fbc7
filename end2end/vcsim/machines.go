package main

import (
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// claims are the names and instanceUuids of clones that are being made: a real vCenter refuses the
// second one at once, and not only when the first is done.
type claims struct {
	held map[string]bool
}

func (c *claims) claim(keys ...string) (release func()) {
	if c.held == nil {
		c.held = map[string]bool{}
	}
	for _, key := range keys {
		c.held[key] = true
	}
	return func() {
		for _, key := range keys {
			delete(c.held, key)
		}
	}
}

func (v *vcenter) clone(r *types.CloneVM_Task) work {
	nameKey := r.Folder.Value + "/" + r.Name
	uuid := ""
	if r.Spec.Config != nil {
		uuid = r.Spec.Config.InstanceUuid
	}
	needs := []types.ManagedObjectReference{r.Folder}
	for _, ref := range []*types.ManagedObjectReference{
		r.Spec.Location.Pool, r.Spec.Location.Datastore, r.Spec.Location.Host,
	} {
		if ref != nil {
			needs = append(needs, *ref)
		}
	}
	return work{
		needs: needs,
		claim: func() (func(), types.BaseMethodFault) {
			if r.Spec.Location.Host == nil && r.Spec.Location.Pool != nil && !choosesHosts(*r.Spec.Location.Pool) {
				return nil, &types.InvalidArgument{InvalidProperty: "spec.location.host"}
			}
			if v.claims.held[nameKey] || nameInFolder(r.Folder, r.Name) {
				return nil, &types.DuplicateName{Name: r.Name, Object: r.Folder}
			}
			if uuid != "" && (v.claims.held[uuid] || uuidInUse(uuid)) {
				return nil, &types.InvalidArgument{InvalidProperty: "spec.config.instanceUuid"}
			}
			if uuid == "" {
				return v.claims.claim(nameKey), nil
			}
			return v.claims.claim(nameKey, uuid), nil
		},
		do: func() (types.AnyType, types.BaseMethodFault) { return v.cloneNow(r) },
	}
}

func (v *vcenter) cloneNow(r *types.CloneVM_Task) (types.AnyType, types.BaseMethodFault) {
	source := virtualMachine(r.This)
	if source == nil {
		return nil, &types.ManagedObjectNotFound{Obj: r.This}
	}
	// The library's clone would keep, and change, the very devices of its source.
	devices := copyDevices(source.Config.Hardware.Device)
	result, fault := v.library(&methods.CloneVM_TaskBody{Req: r})
	update(source, "config.hardware.device", devices)
	if fault != nil {
		return nil, fault
	}
	vm := virtualMachine(result.(types.ManagedObjectReference))
	ownDevices(vm)
	if host := r.Spec.Location.Host; host != nil {
		update(vm, "runtime.host", *host, "summary.runtime.host", *host)
	}
	if name := guestNames[vm.Config.GuestId]; name != "" {
		update(vm, "config.guestFullName", name, "summary.config.guestFullName", name)
	}
	return result, nil
}

func (v *vcenter) customize(r *types.CustomizeVM_Task) work {
	return work{do: func() (types.AnyType, types.BaseMethodFault) {
		vm := virtualMachine(r.This)
		if vm == nil {
			return nil, &types.ManagedObjectNotFound{Obj: r.This}
		}
		wanted := guestSettings{hostname: vm.Name}
		if linux, ok := r.Spec.Identity.(*types.CustomizationLinuxPrep); ok {
			if isWindows(vm) {
				return nil, &types.UncustomizableGuest{UncustomizableGuestOS: vm.Config.GuestId}
			}
			if fixed, ok := linux.HostName.(*types.CustomizationFixedName); ok {
				wanted.hostname = fixed.Name
			}
		}
		// The library would show the address at power-on already. It checks the request, and we
		// let the guest have its settings when its tools run.
		plain := *r
		plain.Spec.Identity = nil
		plain.Spec.NicSettingMap = nil
		for i, nic := range r.Spec.NicSettingMap {
			if fixed, ok := nic.Adapter.Ip.(*types.CustomizationFixedIp); ok && i == 0 {
				wanted.address = fixed.IpAddress
			}
			nic.Adapter = types.CustomizationIPSettings{Ip: &types.CustomizationDhcpIpGenerator{}}
			plain.Spec.NicSettingMap = append(plain.Spec.NicSettingMap, nic)
		}
		result, fault := v.library(&methods.CustomizeVM_TaskBody{Req: &plain})
		if fault == nil {
			v.guests.customized(vm, wanted)
		}
		return result, fault
	}}
}

func (v *vcenter) powerOn(r *types.PowerOnVM_Task) work {
	return work{do: func() (types.AnyType, types.BaseMethodFault) {
		result, fault := v.library(&methods.PowerOnVM_TaskBody{Req: r})
		if vm := virtualMachine(r.This); fault == nil && vm != nil {
			v.guests.booted(vm)
		}
		return result, fault
	}}
}

func (v *vcenter) powerOff(r *types.PowerOffVM_Task) work {
	return work{do: func() (types.AnyType, types.BaseMethodFault) {
		result, fault := v.library(&methods.PowerOffVM_TaskBody{Req: r})
		if vm := virtualMachine(r.This); fault == nil && vm != nil {
			v.guests.stopped(vm)
		}
		return result, fault
	}}
}
