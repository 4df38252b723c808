package main

import "syscall"

// hangupSignal is what an administrator's `kill -HUP` sends.
const hangupSignal = syscall.SIGHUP
