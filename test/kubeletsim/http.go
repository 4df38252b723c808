package kubeletsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// Fault is what is answered instead of the truth.
type Fault struct {
	// Status is the HTTP status; 0: 200.
	Status int
	// Body is the body of the answer.
	Body string
	// Hang answers nothing until the asker gives up.
	Hang bool
}

// SetFault answers a path (/pods) with a fault; nil answers truly again.
func (k *Kubelet) SetFault(path string, fault *Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.faults, path)
	if fault != nil {
		k.faults[path] = *fault
	}
}

// SetDown lets the kubelet answer nothing at all, while it goes on as before.
func (k *Kubelet) SetDown(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = down
}

// answers reports whether anything is answered.
func (k *Kubelet) answers() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.up && !k.down
}

// Handler returns what the kubelet's authenticated port and its health port serve, with nobody being turned away.
func (k *Kubelet) Handler() http.Handler {
	mux := http.NewServeMux()
	k.serveCommon(mux)
	mux.HandleFunc("GET /runningpods/", func(w http.ResponseWriter, _ *http.Request) { writePods(w, k.runningPods()) })
	mux.HandleFunc("GET /configz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"kubeletconfig": k.config()})
	})
	return k.faulty(mux)
}

// ReadOnlyHandler returns what the kubelet's read-only port serves: less.
func (k *Kubelet) ReadOnlyHandler() http.Handler {
	mux := http.NewServeMux()
	k.serveCommon(mux)
	mux.HandleFunc("/runningpods/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Debug endpoints are disabled.", http.StatusMethodNotAllowed)
	})
	return k.faulty(mux)
}

func (k *Kubelet) serveCommon(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("GET /pods", func(w http.ResponseWriter, _ *http.Request) { writePods(w, k.Pods()) })
	mux.HandleFunc("GET /stats/summary", func(w http.ResponseWriter, _ *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		writeJSON(w, k.summary)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = fmt.Fprintf(w, "# TYPE kubernetes_build_info "+
			"gauge\nkubernetes_build_info{git_version=%q,platform=\"linux/amd64\"} 1\n", k.opts.Version)
	})
}

// faulty puts the faults before the truth.
func (k *Kubelet) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		fault, ok := k.faults[r.URL.Path]
		k.mu.Unlock()
		switch {
		case !ok:
			next.ServeHTTP(w, r)
		case fault.Hang:
			<-r.Context().Done()
		default:
			if fault.Status != 0 {
				w.WriteHeader(fault.Status)
			}
			_, _ = io.WriteString(w, fault.Body)
		}
	})
}

// mortal closes the connection without an answer while the kubelet is down.
func (k *Kubelet) mortal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.answers() {
			next.ServeHTTP(w, r)
			return
		}
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	})
}

// config is what /configz shows: only what differs between kubelets here.
func (k *Kubelet) config() *kubeletconfigv1beta1.KubeletConfiguration {
	return &kubeletconfigv1beta1.KubeletConfiguration{
		StaticPodPath:      k.opts.Dir,
		FileCheckFrequency: metav1.Duration{Duration: k.opts.FileCheckFrequency},
		EvictionHard: map[string]string{
			"memory.available": "100Mi", "nodefs.available": "10%",
			"nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%",
		},
		EvictionPressureTransitionPeriod: metav1.Duration{Duration: kubelet.DefaultTransitionPeriod},
	}
}

// writePods answers as the kubelet does: an empty list has no items at all.
func writePods(w http.ResponseWriter, pods []corev1.Pod) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
	if len(pods) > 0 {
		list.Items = pods
	}
	writeJSON(w, list)
}

func writeJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// Transport asks the kubelet in memory, whatever host and port a request names: it neither dials nor starts a
// goroutine, so that it works in a testing/synctest bubble.
func (k *Kubelet) Transport() http.RoundTripper { return transport{k: k, handler: k.Handler()} }

type transport struct {
	k       *Kubelet
	handler http.Handler
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.k.answers() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(rec.status), StatusCode: rec.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: rec.header, Body: io.NopCloser(&rec.body), ContentLength: int64(rec.body.Len()), Request: r,
	}, nil
}

// recorder collects an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// Server serves a Kubelet on a loopback port, in the clear.
type Server struct {
	// URL is scheme, host and port. It serves what the authenticated port of a kubelet does, and the health address.
	URL  string
	http *http.Server
	done chan error
}

// Listen serves the kubelet on 127.0.0.1 and a free port until Close.
func (k *Kubelet) Listen() (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("kubeletsim: %w", err)
	}
	s := &Server{
		URL: "http://" + ln.Addr().String(), http: &http.Server{Handler: k.mortal(k.Handler())},
		done: make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(ln) }()
	return s, nil
}

// Close stops serving.
func (s *Server) Close() error {
	err := s.http.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
