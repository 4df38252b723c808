// Command daemonsetd runs DaemonSets on this host without a control plane: it decides for this node which DaemonSets of
// a directory belong here, and writes their pods as static pod manifests for the local kubelet.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent"
	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/logging"
	"github.com/daemonsetd/daemonsetd/agent/systemd"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// version is set by the build.
var version = ""

// Exit codes, the same as dsctl's.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const long = `daemonsetd reads DaemonSet files from a directory, decides for this node which of them belong here, exactly as the
Kubernetes DaemonSet controller would, and writes or removes their static pod manifests in the directory that the kubelet
watches. No API server, no etcd, no control plane.

Every setting is a flag and a key of the configuration file; a flag wins. SIGHUP reads everything again, as does
dsctl reload. Stopping daemonsetd stops no pod.

EXIT STATUS
  0  stopped by SIGTERM or SIGINT
  1  failed; the reason is on standard error
  2  the command line or the configuration cannot be used`

func run(args []string, started time.Time, stdout io.Writer, stderr *os.File) int {
	code := exitOK
	cmd := newCommand(func(ctx context.Context, s source) (err error) {
		code, err = serve(ctx, s, started, stderr)
		return err
	})
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintf(stderr, "daemonsetd: error: %v\n", err)
		if code == exitOK {
			code = exitUsage
		}
	}
	return code
}

// newCommand is the command line; serve is what it comes to.
func newCommand(serve func(context.Context, source) error) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "daemonsetd", Short: "DaemonSets without a control plane", Long: long,
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true, Version: build().Version, DisableAutoGenTag: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			apply := func(c *config.Config) error { return c.ApplyFlags(cmd.Flags()) }
			return serve(cmd.Context(), source{path: file, explicit: cmd.Flags().Changed("config"), apply: apply})
		},
	}
	cmd.Flags().StringVar(&file, "config", config.DefaultPath, "configuration file; need not exist unless it is given")
	config.AddFlags(cmd.Flags())
	return cmd
}

// source is where the configuration comes from; it is read again on every reload.
type source struct {
	path     string
	explicit bool
	apply    func(*config.Config) error
}

// read returns the complete configuration, the problems of the file, and its path if there is one.
func (s source) read() (config.Config, diag.List, string, error) {
	c := config.Default()
	path := s.path
	problems, err := c.ReadFile(s.path)
	if errors.Is(err, config.ErrNoConfig) && !s.explicit {
		path, err = "", nil
	}
	err = errors.Join(err, problems.Err())
	if err == nil {
		err = s.apply(&c)
	}
	if err == nil {
		err = c.Complete()
	}
	if err == nil {
		err = c.Validate()
	}
	return c, problems, path, err
}

func serve(ctx context.Context, s source, started time.Time, stderr *os.File) (int, error) {
	cfg, problems, path, err := s.read()
	if problems.HasErrors() {
		diag.Render(stderr, problems, diag.RenderOptions{})
	}
	if err != nil {
		return exitUsage, err
	}
	log, level, err := logging.New(cfg.Log, stderr)
	if err != nil {
		return exitUsage, err
	}
	a, err := agent.New(agent.Options{
		Config: cfg, ConfigFile: path, ConfigProblems: problems, Logger: log, SetLevel: level.Set, Version: build(),
		StartedAt: started, Watchdog: systemd.WatchdogInterval(),
		Reread: func() (config.Config, diag.List, error) {
			c, problems, _, err := s.read()
			return c, problems, err
		},
	})
	if err != nil {
		return exitFailed, err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go reloadOnHangup(ctx, a, log)
	if err := a.Run(ctx); err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}

// reloadOnHangup reads everything again whenever SIGHUP comes; what was wrong is in the log and in dsctl status.
func reloadOnHangup(ctx context.Context, a *agent.Agent, log zerolog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			if _, err := a.Reload(ctx); err != nil && ctx.Err() == nil {
				log.Error().Err(err).Msg("reload failed; everything stays as it was")
			}
		}
	}
}

// build is what this binary is.
func build() api.VersionInfo {
	return api.Build(version)
}
