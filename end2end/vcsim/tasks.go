package main

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// progressSteps is in how many steps a slow task reports its progress.
const progressSteps = 8

// work is one kind of task: what must exist before it is accepted, what it claims while it runs, and
// what it does.
type work struct {
	needs []types.ManagedObjectReference
	claim func() (release func(), fault types.BaseMethodFault)
	do    func() (types.AnyType, types.BaseMethodFault)
}

// taskFor knows the methods whose tasks run beside the call. All others are the library's.
func (v *vcenter) taskFor(request interface{}) (work, bool) {
	switch r := request.(type) {
	case *types.CloneVM_Task:
		return v.clone(r), true
	case *types.ReconfigVM_Task:
		return work{do: func() (types.AnyType, types.BaseMethodFault) {
			return v.library(&methods.ReconfigVM_TaskBody{Req: r})
		}}, true
	case *types.CustomizeVM_Task:
		return v.customize(r), true
	case *types.PowerOnVM_Task:
		return v.powerOn(r), true
	case *types.PowerOffVM_Task:
		return v.powerOff(r), true
	case *types.Destroy_Task:
		return work{do: func() (types.AnyType, types.BaseMethodFault) {
			return v.library(&methods.Destroy_TaskBody{Req: r})
		}}, true
	}
	return work{}, false
}

// library does a task of the library's own, which has ended when its call returns.
func (v *vcenter) library(body soap.HasFault) (types.AnyType, types.BaseMethodFault) {
	if err := v.service.RoundTrip(context.Background(), body, body); err != nil {
		if soap.IsSoapFault(err) {
			if fault, ok := soap.ToSoapFault(err).VimFault().(types.BaseMethodFault); ok {
				return nil, fault
			}
		}
		return nil, &types.SystemError{Reason: err.Error()}
	}
	response := reflect.ValueOf(body).Elem().FieldByName("Res").Elem()
	ref := response.FieldByName("Returnval").Interface().(types.ManagedObjectReference)
	info := simulator.Map.Get(ref).(*simulator.Task).Info
	if info.Error != nil {
		return nil, info.Error.Fault
	}
	return info.Result, nil
}

// startTask answers the call with a new task, which then runs by itself.
func (v *vcenter) startTask(w http.ResponseWriter, method *simulator.Method, work work, rule rule) {
	for _, ref := range work.needs {
		if simulator.Map.Get(ref) == nil {
			writeFault(w, "The object has already been deleted", &types.ManagedObjectNotFound{Obj: ref})
			return
		}
	}
	world.Lock()
	task := simulator.CreateTask(method.This, taskName(method.Name), nil)
	cancel := v.cancels.offer(task, method.Name)
	world.Unlock()
	go v.runTask(task, method.Name, work, rule, cancel)
	writeReturnval(w, method.Name, task.Self)
}

// taskName is the task's name as the library wants it: CloneVM_Task runs the task cloneVM.
func taskName(method string) string {
	name := strings.TrimSuffix(method, "_Task")
	return strings.ToLower(name[:1]) + name[1:]
}

func (v *vcenter) runTask(task *simulator.Task, method string, work work, rule rule, cancel <-chan struct{}) {
	delay := v.tasks.delay(method)
	pause := delay / (progressSteps + 2)
	cancelled := sleep(pause, cancel)
	change := func(pairs ...interface{}) {
		world.Lock()
		defer world.Unlock()
		update(task, pairs...)
	}
	change("info.startTime", time.Now(), "info.state", types.TaskInfoStateRunning)

	release, fault := func() {}, types.BaseMethodFault(nil)
	if work.claim != nil {
		world.Lock()
		release, fault = work.claim()
		world.Unlock()
	}
	if fault == nil {
		for step := 1; step <= progressSteps && delay > 0 && !cancelled; step++ {
			cancelled = sleep(pause, cancel)
			change("info.progress", int32(100*step/(progressSteps+1)))
		}
		cancelled = cancelled || sleep(pause, cancel)
	}

	world.Lock()
	defer world.Unlock()
	delete(v.cancels, task.Self)
	var result types.AnyType
	if fault == nil {
		if cancelled {
			fault = new(types.RequestCanceled)
		} else if rule.Action == actionTaskFault {
			fault = rule.fault()
		} else {
			result, fault = attempt(work.do)
		}
		release()
	}
	finish(task, result, fault, rule.Message)
	v.ended = append(v.ended, endedTask{Method: method, EndedAtMS: sinceEpochMS(*task.Info.CompleteTime)})
}

// cancels are the running tasks that can be cancelled, and how; guarded by world.
type cancels map[types.ManagedObjectReference]func()

// offer lets a clone be cancelled, as a real vCenter does; of other tasks it gives no way.
func (c cancels) offer(task *simulator.Task, method string) <-chan struct{} {
	if method != "CloneVM_Task" {
		return nil
	}
	cancel := make(chan struct{})
	var once sync.Once
	c[task.Self] = func() { once.Do(func() { close(cancel) }) }
	update(task, "info.cancelable", true)
	return cancel
}

// sleep waits for a while, or until it is cancelled, and says which.
func sleep(pause time.Duration, cancel <-chan struct{}) bool {
	select {
	case <-cancel:
		return true
	case <-time.After(pause):
		return false
	}
}

// cancelTask answers CancelTask, which the library lacks.
func (v *vcenter) cancelTask(w http.ResponseWriter, ref types.ManagedObjectReference) {
	task, ok := simulator.Map.Get(ref).(*simulator.Task)
	if !ok {
		writeFault(w, "The object has already been deleted", &types.ManagedObjectNotFound{Obj: ref})
		return
	}
	world.Lock()
	cancel, runs := v.cancels[ref]
	ended := task.Info.State == types.TaskInfoStateSuccess || task.Info.State == types.TaskInfoStateError
	world.Unlock()
	switch {
	case runs:
		cancel()
	case !ended:
		writeFault(w, "The operation is not supported on the object.", new(types.NotSupported))
		return
	}
	writeBody(w, http.StatusOK, `<CancelTaskResponse xmlns="urn:vim25"/>`)
}

// endedTask is what the benches look at in a task.
type endedTask struct {
	Method    string  `json:"method"`
	EndedAtMS float64 `json:"endedAtMs"` // since the Unix epoch
}

func sinceEpochMS(at time.Time) float64 {
	return float64(at.UnixNano()) / float64(time.Millisecond)
}

func (v *vcenter) listEnded() []endedTask {
	world.RLock()
	defer world.RUnlock()
	return append([]endedTask{}, v.ended...)
}

// attempt turns a panic of the library into what a real vCenter would say.
func attempt(do func() (types.AnyType, types.BaseMethodFault)) (result types.AnyType, fault types.BaseMethodFault) {
	defer func() {
		if cause := recover(); cause != nil {
			result, fault = nil, &types.SystemError{Reason: fmt.Sprint(cause)}
		}
	}()
	return do()
}

func finish(task *simulator.Task, result types.AnyType, fault types.BaseMethodFault, message string) {
	if fault == nil {
		update(task,
			"info.completeTime", time.Now(),
			"info.state", types.TaskInfoStateSuccess,
			"info.result", result)
		return
	}
	if message == "" {
		message = describe(fault)
	}
	update(task,
		"info.completeTime", time.Now(),
		"info.state", types.TaskInfoStateError,
		"info.error", types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message})
}

// describe says in vCenter's words what is wrong, for the faults that the tests look at.
func describe(fault types.BaseMethodFault) string {
	switch f := fault.(type) {
	case *types.DuplicateName:
		return fmt.Sprintf("The name '%s' already exists.", f.Name)
	case *types.InvalidPowerState:
		return fmt.Sprintf("The attempted operation cannot be performed in the current state (%s).", f.ExistingState)
	case *types.InvalidArgument:
		return fmt.Sprintf("A specified parameter was not correct: %s", f.InvalidProperty)
	case *types.RequestCanceled:
		return "The task was canceled by a user."
	case *types.SystemError:
		return "A general system error occurred: " + f.Reason
	}
	return ""
}

// taskDelays is how long the tasks of each method take; "" stands for all others.
type taskDelays struct {
	mutex sync.Mutex
	each  map[string]time.Duration
}

func (d *taskDelays) set(method string, delay time.Duration) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.each == nil {
		d.each = map[string]time.Duration{}
	}
	d.each[method] = delay
}

func (d *taskDelays) delay(method string) time.Duration {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if delay, ok := d.each[method]; ok {
		return delay
	}
	return d.each[""]
}
