// Package repo tests the repository itself: what the linters cannot see of the rules that CONTRIBUTING.md states.
package repo
