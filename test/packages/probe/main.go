// Command probe runs in the place of the agent, under the same unit, and tries what the agent does and what it must not
// be able to do. It prints a line for each act: its name, and the error or "ok".
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() {
	fmt.Println("probe: begin")
	for _, act := range acts() {
		err := act.try()
		word := "ok"
		if err != nil {
			word = err.Error()
		}
		fmt.Printf("probe: %s: %s\n", act.name, word)
	}
	fmt.Println("probe: end")
}

type act struct {
	name string
	try  func() error
}

func acts() []act {
	all := []act{
		{"own a group", ownGroup},
		{"list interfaces", func() error { _, err := net.Interfaces(); return err }},
		{"read meminfo", func() error { _, err := os.ReadFile("/proc/meminfo"); return err }},
		{"read cgroups", func() error { _, err := os.ReadDir("/sys/fs/cgroup"); return err }},
		{"see init", func() error { _, err := os.Stat("/proc/1"); return err }},
		{"change a sysctl", func() error { return os.WriteFile("/proc/sys/kernel/domainname", []byte("x"), 0o644) }},
		{"unshare", func() error { return unix.Unshare(unix.CLONE_NEWUTS) }},
		{"mount", func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") }},
		{"become another user", func() error { return unix.Setuid(65534) }},
		{"make a device", func() error {
			return unix.Mknod("/run/daemonsetd/probe", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1)))
		}},
		{"map what can be written and run", func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
			return err
		}},
		{"set the clock", func() error { return unix.ClockSettime(unix.CLOCK_REALTIME, &unix.Timespec{Sec: 1}) }},
		{"trace", func() error { return unix.PtraceAttach(1) }},
		{"read another's file", func() error { _, err := os.ReadFile("/opt/private/file"); return err }},
	}
	for _, dir := range []string{
		"/etc/kubernetes/manifests", "/var/lib/daemonsetd", "/run/daemonsetd", "/tmp",
		"/etc", "/etc/kubernetes", "/etc/daemonsetd", "/usr/bin", "/var/lib", "/var/log", "/root", "/home", "/run",
		"/run/lock", "/dev/shm", "/opt", "/srv",
	} {
		all = append(all, act{"write to " + dir, func() error { return write(dir) }})
	}
	families := []struct {
		name   string
		family int
	}{
		{"inet", unix.AF_INET},
		{"inet6", unix.AF_INET6},
		{"unix", unix.AF_UNIX},
		{"packet", unix.AF_PACKET},
		{"vsock", unix.AF_VSOCK},
		{"alg", unix.AF_ALG},
		{"can", unix.AF_CAN},
		{"bluetooth", unix.AF_BLUETOOTH},
	}
	for _, f := range families {
		all = append(all, act{"socket " + f.name, func() error { return socket(f.family) }})
	}
	return all
}

func write(dir string) error {
	name := filepath.Join(dir, ".probe")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	return os.Remove(name)
}

// ownGroup does what the files of a pod with an fsGroup need: a directory of another group with the set-group-ID bit.
func ownGroup() (err error) {
	dir, err := os.MkdirTemp("/var/lib/daemonsetd", "probe")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(dir)) }()
	if err := os.Lchown(dir, 0, 2000); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o750|os.ModeSetgid); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode()&os.ModeSetgid == 0 {
		return fmt.Errorf("the set-group-ID bit is gone: %s", info.Mode())
	}
	return err
}

func socket(family int) error {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if family == unix.AF_PACKET {
		fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
