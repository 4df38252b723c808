// Command probe runs in the containers of the parity tests and prints what it sees: its environment, its arguments, and
// everything at and below the paths that it is given.
//
//	probe [-once] path... [-- argument...]
//
// It prints a report as a line of JSON, one more whenever something has changed, and a line "=" each time that nothing
// has. Arguments after "--" are in the report and do nothing.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/test/parity/seen"
)

const period = 250 * time.Millisecond

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("probe:", err)
		os.Exit(1)
	}
}

func run(paths []string) error {
	once := len(paths) > 0 && paths[0] == "-once"
	if once {
		paths = paths[1:]
	}
	if end := slices.Index(paths, "--"); end >= 0 {
		paths = paths[:end]
	}
	var last []byte
	for tick := time.Tick(period); ; <-tick {
		report, err := seen.Look(paths)
		if errors.Is(err, fs.ErrNotExist) {
			// Something was replaced while it was being looked at.
			continue
		}
		if err != nil {
			return err
		}
		line, err := json.Marshal(report)
		if err != nil {
			return err
		}
		if bytes.Equal(line, last) {
			line = []byte("=")
		} else {
			last = line
		}
		if _, err := fmt.Printf("%s\n", line); err != nil || once {
			return err
		}
	}
}
