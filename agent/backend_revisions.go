package agent

import (
	"context"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// Revisions implements api.Backend.
func (b backend) Revisions(context.Context, api.RevisionRequest) (*api.RevisionList, error) {
	return nil, api.Errorf(api.CodeUnavailable, "this agent keeps no history yet")
}

// Undo implements api.Backend.
func (b backend) Undo(context.Context, api.UndoRequest) (*api.UndoResult, error) {
	return nil, api.Errorf(api.CodeUnavailable, "this agent keeps no history yet")
}
