// Package outage decides which DaemonSets are down on this host, since when, and why: those whose pod should run here
// and is not available.
//
// What the kubelet says of the pod sets the grace (Trouble): where it backs off, as from an image that cannot be pulled
// or a program that ends again and again, Grace passes; where it says nothing that is wrong, the DaemonSet's own
// progress deadline does. What the agent itself cannot write, as when a ConfigMap is missing, is down at once.
//
// It is pure: the present is passed in, and a Tracker is the only memory.
package outage
