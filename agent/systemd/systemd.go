// Package systemd speaks sd_notify(3) with the service manager: readiness, reloads, one status line and the watchdog.
// Without a service manager every call does nothing.
package systemd

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// maxStatus bounds the status line; systemctl shows one line.
const maxStatus = 512

// Notifier sends to the socket named in NOTIFY_SOCKET. The zero value is ready to use.
type Notifier struct {
	// Send replaces the sending of a datagram in tests; nil sends to the service manager.
	Send func(state string) error
}

func (n Notifier) send(state string) {
	if n.Send != nil {
		_ = n.Send(state)
		return
	}
	// A service manager that went away is no reason to stop pods or to log every cycle.
	_, _ = daemon.SdNotify(false, state)
}

// Ready says that the first reconcile is done, or that a reload has ended, well or not.
func (n Notifier) Ready(status string) { n.send(daemon.SdNotifyReady + "\nSTATUS=" + line(status)) }

// Reloading says that the configuration is being read again. Ready must follow.
func (n Notifier) Reloading() {
	n.send(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Stopping says that the agent is on its way out.
func (n Notifier) Stopping() { n.send(daemon.SdNotifyStopping) }

// Status sets the line that `systemctl status` shows.
func (n Notifier) Status(status string) { n.send("STATUS=" + line(status)) }

// Alive feeds the watchdog. Only a loop that really went round may call it.
func (n Notifier) Alive() { n.send(daemon.SdNotifyWatchdog) }

// WatchdogInterval is how often Alive is due: half of WatchdogSec, or zero when the unit has none.
func WatchdogInterval() time.Duration {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return d / 2
}

func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxStatus {
		s = strings.ToValidUTF8(s[:maxStatus], "")
	}
	return s
}
