package api

import (
	"net/http"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// objectList is a Kubernetes list of any kind.
type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []registry.Object `json:"items"`
}

// query is what the parameters of a list or a watch say.
type query struct {
	filter
	watchRequest
}

func parseQuery(q url.Values, res registry.Resource) (query, error) {
	known := append([]string{"namespace", "labelSelector", "fieldSelector"}, watchParams...)
	if err := checkQuery(q, known...); err != nil {
		return query{}, err
	}
	f, err := parseFilter(q, res)
	if err != nil {
		return query{}, err
	}
	req, err := parseWatch(q)
	return query{filter: f, watchRequest: req}, err
}

// serveResource lists a resource, or watches it with watch=1.
func (s *Server) serveResource(res registry.Resource) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := parseQuery(r.URL.Query(), res)
		if err != nil {
			return err
		}
		defer s.cfg.Backend.Reads(res)()
		if q.watch {
			of := watched[registry.Object]{event: q.event, begin: func(since uint64) (*registry.Watcher, error) {
				return s.cfg.Backend.Registry().Watch(res, since)
			}}
			of.kind.APIVersion, of.kind.Kind = registry.Kind(res).ToAPIVersionAndKind()
			return serveWatch(s, w, r, q.watchRequest, of)
		}
		extendWrite(w, requestTimeout)
		return writeJSON(w, s.list(res, q.filter))
	}
}

func (s *Server) list(res registry.Resource, f filter) objectList {
	objects, version := s.cfg.Backend.Registry().List(res)
	gvk := registry.Kind(res)
	gvk.Kind += "List"
	out := objectList{Items: []registry.Object{}}
	out.APIVersion, out.Kind = gvk.ToAPIVersionAndKind()
	out.ResourceVersion = strconv.FormatUint(version, 10)
	for _, obj := range objects {
		if f.matches(obj) {
			out.Items = append(out.Items, obj)
		}
	}
	return out
}
