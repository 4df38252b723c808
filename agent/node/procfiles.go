package node

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// readBounded reads a small file of the kernel's.
func readBounded(path string) ([]byte, error) { return files.Head(path, maxProcFile) }

func number(path string) (uint64, error) {
	data, err := readBounded(path)
	if err != nil {
		return 0, err
	}
	v, err := parseNumber(data)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", path, err)
	}
	return v, nil
}

func oneField(path, name string) (uint64, error) {
	values, err := fields(path, name)
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

func fields(path string, names ...string) ([]uint64, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	values := make([]uint64, len(names))
	for i, name := range names {
		if values[i], err = parseField(data, name); err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
	}
	return values, nil
}

func tasks(path string) (uint64, error) {
	data, err := readBounded(path)
	if err != nil {
		return 0, err
	}
	v, err := parseTasks(data)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", path, err)
	}
	return v, nil
}

// parseNumber reads a file that holds one number.
func parseNumber(data []byte) (uint64, error) {
	text := string(bytes.TrimSpace(data))
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, found %.40q", text)
	}
	return v, nil
}

// parseField reads the number after name in a file of "name number ..." lines, such as memory.stat or meminfo.
func parseField(data []byte, name string) (uint64, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) >= 2 && f[0] == name {
			return parseNumber([]byte(f[1]))
		}
	}
	return 0, fmt.Errorf("has no line %q", name)
}

// parseTasks reads the number of tasks from /proc/loadavg: the second half of its fourth field, "0.1 0.2 0.3 1/234
// 567".
func parseTasks(data []byte) (uint64, error) {
	if f := bytes.Fields(data); len(f) >= 4 {
		if _, total, ok := bytes.Cut(f[3], []byte("/")); ok {
			return parseNumber(total)
		}
	}
	return 0, fmt.Errorf("want the form of /proc/loadavg, found %.60q", data)
}
