// Package apiserver starts an etcd and a kube-apiserver, both of the versions that the module in ../controlplane pins,
// and asks the API server. Whoever has its one token may do everything.
package apiserver
