// Package bench measures the agent against the bars of docs/performance.md: `make bench` prints each figure beside its
// bar. No test asserts a time; what is compared is printed in one run, on one machine.
package bench
