package kubelet

import (
	"errors"
	"syscall"
)

// gone tells the error of reading a file of a cgroup that was removed after the file was opened.
func gone(err error) bool { return errors.Is(err, syscall.ENODEV) }
