package apitest

import (
	"context"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// SetMembers changes the members and says so to who waits for it.
func (b *Backend) SetMembers(members ...api.Member) {
	b.change(func() { b.Fleet.Items = members })
}

// SetSpecs changes the spec files of the fleet and says so to who waits for it.
func (b *Backend) SetSpecs(files ...api.SpecFile) {
	b.change(func() { b.FleetSpecs.Items = files })
}

func (b *Backend) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// FleetChanged implements api.Backend.
func (b *Backend) FleetChanged() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// Members implements api.Backend.
func (b *Backend) Members(ctx context.Context) (*api.MemberList, error) {
	b.note(ctx, "members")
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.Fleet
	return &out, b.Err
}

// Specs implements api.Backend.
func (b *Backend) Specs(ctx context.Context) (*api.SpecFileList, error) {
	b.note(ctx, "specs")
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.FleetSpecs
	return &out, b.Err
}

// Forget implements api.Backend.
func (b *Backend) Forget(ctx context.Context, req api.ForgetRequest) (*api.ForgetResult, error) {
	b.note(ctx, req)
	return &b.ForgetAnswer, b.Err
}

// Leave implements api.Backend.
func (b *Backend) Leave(ctx context.Context, req api.LeaveRequest) (*api.LeaveResult, error) {
	b.note(ctx, req)
	return &b.LeaveAnswer, b.Err
}

// Trust implements api.Backend.
func (b *Backend) Trust(ctx context.Context, req api.TrustRequest) (*api.TrustResult, error) {
	b.note(ctx, req)
	return &b.TrustAnswer, b.Err
}
