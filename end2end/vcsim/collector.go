package main

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

const waitMax = 30 * time.Minute

// pageObjects bounds a page of properties below what the client asks for; 0 leaves it to the client.
var pageObjects int

var lastPage int64

// collector is a PropertyCollector whose WaitForUpdatesEx answers when something changes. The
// library's looks every 250 ms only, and misses a change between its first look and its first wait.
type collector struct {
	simulator.PropertyCollector

	mutex   sync.Mutex
	changed chan struct{} // closed and renewed at each change of any object
	ended   bool
	version int
	last    []byte
	pages   map[string][]types.ObjectContent // what is left to tell, by token
}

// installCollector puts ours in the place of the library's; each session gets one of this type.
func installCollector() {
	own := &collector{}
	own.Self = simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.PropertyCollector
	simulator.Map.Put(own)
}

// RetrievePropertiesEx answers in pages: the library ignores maxObjects.
func (c *collector) RetrievePropertiesEx(ctx *simulator.Context, r *types.RetrievePropertiesEx) soap.HasFault {
	body := c.PropertyCollector.RetrievePropertiesEx(ctx, r)
	if ok := body.(*methods.RetrievePropertiesExBody); ok.Res != nil {
		most := int(r.Options.MaxObjects)
		if pageObjects > 0 && (most == 0 || most > pageObjects) {
			most = pageObjects
		}
		ok.Res.Returnval = c.page(ok.Res.Returnval.Objects, most)
	}
	return body
}

func (c *collector) ContinueRetrievePropertiesEx(_ *simulator.Context, r *types.ContinueRetrievePropertiesEx) soap.HasFault {
	c.mutex.Lock()
	objects, ok := c.pages[r.Token]
	delete(c.pages, r.Token)
	c.mutex.Unlock()
	if !ok {
		return &methods.ContinueRetrievePropertiesExBody{
			Fault_: simulator.Fault("", &types.InvalidArgument{InvalidProperty: "token"}),
		}
	}
	most := pageObjects
	if most == 0 {
		most = len(objects)
	}
	return &methods.ContinueRetrievePropertiesExBody{
		Res: &types.ContinueRetrievePropertiesExResponse{Returnval: *c.page(objects, most)},
	}
}

// page is the first objects, and a token for the others.
func (c *collector) page(objects []types.ObjectContent, most int) *types.RetrieveResult {
	if most == 0 || len(objects) <= most {
		return &types.RetrieveResult{Objects: objects}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.pages == nil {
		c.pages = map[string][]types.ObjectContent{}
	}
	token := fmt.Sprintf("page-%d", atomic.AddInt64(&lastPage, 1))
	c.pages[token] = objects[most:]
	return &types.RetrieveResult{Objects: objects[:most], Token: token}
}

func (c *collector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	own := &collector{}
	own.Self.Type = "PropertyCollector" // the session makes up the value
	return &methods.CreatePropertyCollectorBody{
		Res: &types.CreatePropertyCollectorResponse{Returnval: ctx.Session.Put(own).Reference()},
	}
}

func (c *collector) DestroyPropertyCollector(ctx *simulator.Context, r *types.DestroyPropertyCollector) soap.HasFault {
	c.mutex.Lock()
	c.ended = true
	c.mutex.Unlock()
	c.wake()
	simulator.Map.RemoveHandler(c)
	ctx.Session.Remove(r.This)
	return &methods.DestroyPropertyCollectorBody{Res: new(types.DestroyPropertyCollectorResponse)}
}

// CreateFilter refuses an object that does not exist, as a real vCenter does.
func (c *collector) CreateFilter(ctx *simulator.Context, r *types.CreateFilter) soap.HasFault {
	for _, object := range r.Spec.ObjectSet {
		if ctx.Session.Get(object.Obj) == nil {
			fault := &types.ManagedObjectNotFound{Obj: object.Obj}
			return &methods.CreateFilterBody{Fault_: simulator.Fault("The object has already been deleted", fault)}
		}
	}
	simulator.Map.AddHandler(c)
	return c.PropertyCollector.CreateFilter(ctx, r)
}

// Every change of any object wakes the waiter, which looks whether it is one of its own.

func (c *collector) PutObject(mo.Reference)                            { c.wake() }
func (c *collector) UpdateObject(mo.Reference, []types.PropertyChange) { c.wake() }
func (c *collector) RemoveObject(types.ManagedObjectReference)         { c.wake() }

func (c *collector) wake() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// next is closed at the next change; nil when the collector was destroyed.
func (c *collector) next() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended {
		return nil
	}
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// WaitForUpdatesEx answers with all properties of the filters' objects whenever any has changed.
func (c *collector) WaitForUpdatesEx(ctx *simulator.Context, r *types.WaitForUpdatesEx) soap.HasFault {
	limit := waitMax
	if r.Options != nil && r.Options.MaxWaitSeconds != nil {
		limit = time.Duration(*r.Options.MaxWaitSeconds) * time.Second
	}
	timeout := time.After(limit)
	for {
		next := c.next() // before the look, so that no change is missed
		if next == nil {
			return &methods.WaitForUpdatesExBody{Fault_: simulator.Fault("", new(types.RequestCanceled))}
		}
		if set := c.look(ctx, r.Version == ""); set != nil {
			return &methods.WaitForUpdatesExBody{Res: &types.WaitForUpdatesExResponse{Returnval: set}}
		}
		select {
		case <-next:
		case <-timeout:
			return &methods.WaitForUpdatesExBody{Res: new(types.WaitForUpdatesExResponse)}
		}
	}
}

// look returns the objects if any has changed since the last look.
func (c *collector) look(ctx *simulator.Context, first bool) *types.UpdateSet {
	world.RLock()
	defer world.RUnlock()

	var filters []types.PropertyFilterUpdate
	var now bytes.Buffer
	for _, ref := range c.Filter {
		filter, ok := ctx.Session.Get(ref).(*simulator.PropertyFilter)
		if !ok {
			continue
		}
		update := types.PropertyFilterUpdate{Filter: ref, ObjectSet: c.collect(ctx, filter)}
		if err := xml.NewEncoder(&now).Encode(update); err != nil {
			panic(err)
		}
		filters = append(filters, update)
	}
	if !first && bytes.Equal(now.Bytes(), c.last) {
		return nil
	}
	c.last = now.Bytes()
	c.version++
	return &types.UpdateSet{Version: fmt.Sprint(c.version), FilterSet: filters}
}

func (c *collector) collect(ctx *simulator.Context, filter *simulator.PropertyFilter) []types.ObjectUpdate {
	body := c.PropertyCollector.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{
		SpecSet: []types.PropertyFilterSpec{filter.Spec},
	})
	if body.Fault() != nil {
		var gone []types.ObjectUpdate
		for _, object := range filter.Spec.ObjectSet {
			gone = append(gone, types.ObjectUpdate{Kind: types.ObjectUpdateKindLeave, Obj: object.Obj})
		}
		return gone
	}
	var updates []types.ObjectUpdate
	for _, object := range body.(*methods.RetrievePropertiesExBody).Res.Returnval.Objects {
		update := types.ObjectUpdate{Kind: types.ObjectUpdateKindModify, Obj: object.Obj}
		for _, property := range object.PropSet {
			update.ChangeSet = append(update.ChangeSet, types.PropertyChange{
				Name: property.Name,
				Op:   types.PropertyChangeOpAssign,
				Val:  property.Val,
			})
		}
		updates = append(updates, update)
	}
	return updates
}
