package agent

import (
	"context"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// gossipOff is what is told of the fleet while there is none.
func gossipOff() error {
	return api.Errorf(api.CodeUnavailable, "gossip is off: this agent does not speak with others").
		WithRemedy("dsctl status says how this host stands")
}

// Members implements api.Backend.
func (b backend) Members(context.Context) (*api.MemberList, error) { return nil, gossipOff() }

// Specs implements api.Backend.
func (b backend) Specs(context.Context) (*api.SpecFileList, error) { return nil, gossipOff() }

// Forget implements api.Backend.
func (b backend) Forget(context.Context, api.ForgetRequest) (*api.ForgetResult, error) {
	return nil, gossipOff()
}

// Trust implements api.Backend.
func (b backend) Trust(context.Context, api.TrustRequest) (*api.TrustResult, error) {
	return nil, gossipOff()
}

// FleetChanged implements api.Backend.
func (b backend) FleetChanged() <-chan struct{} { return nil }
