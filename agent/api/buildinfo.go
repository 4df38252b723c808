package api

import (
	"runtime"
	"runtime/debug"
)

// Build says what this binary is, from what the Go tool chain wrote into it. The release is what the build gave to the
// linker; empty takes the module's version.
func Build(release string) VersionInfo {
	v := VersionInfo{
		Version:   "devel",
		GoVersion: runtime.Version(),
		Platform:  runtime.GOOS + "/" + runtime.GOARCH,
	}
	v.setType() // dsctl prints it without an agent
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	if release != "" {
		v.Version = release
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	for _, dep := range info.Deps {
		if dep.Path == "k8s.io/kubernetes" {
			v.Kubernetes = dep.Version
		}
	}
	return v
}
