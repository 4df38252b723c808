package kubelet

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxPods is far above the number of pods that a kubelet accepts.
const maxPods = 10_000

// rawList is a PodList whose pods are not decoded yet.
type rawList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []json.RawMessage `json:"items"`
}

// podCache keeps the decoded pods of the last list by the digest of their bytes. The kubelet lists in random order and
// most pods do not change from one list to the next; decoding only those that did is what keeps the polling cheap.
type podCache struct {
	mu   sync.Mutex
	pods map[[sha256.Size]byte]corev1.Pod
}

// decode decodes /pods. The pods share their insides with those of earlier lists and must not be changed.
func (c *podCache) decode(s source, body []byte) (*corev1.PodList, error) {
	raw, err := decodeList(s, body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := &corev1.PodList{TypeMeta: raw.TypeMeta, Items: make([]corev1.Pod, len(raw.Items))}
	next := make(map[[sha256.Size]byte]corev1.Pod, len(raw.Items))
	for i, item := range raw.Items {
		digest := sha256.Sum256(item)
		pod, known := c.pods[digest]
		if !known {
			if err := decodePod(s, i, item, &pod); err != nil {
				return nil, err
			}
		}
		next[digest], list.Items[i] = pod, pod
	}
	c.pods = next
	return list, nil
}

// decodePods decodes a list without a cache.
func decodePods(s source, body []byte) (*corev1.PodList, error) { return new(podCache).decode(s, body) }

// decodeList checks that the answer is a v1 PodList. The kubelet says so in it since long before any supported version.
func decodeList(s source, body []byte) (*rawList, error) {
	raw := &rawList{}
	if err := json.Unmarshal(body, raw); err != nil {
		return nil, s.wrong(BadAnswer, fmt.Errorf("the answer is not a list of pods: %w%s", err, quoted(body)))
	}
	if raw.Kind != "PodList" || raw.APIVersion != "v1" {
		return nil, s.wrong(WrongVersion, fmt.Errorf("the answer is of kind %q and apiVersion %q, PodList and v1 were wanted",
			raw.Kind, raw.APIVersion))
	}
	if len(raw.Items) > maxPods {
		return nil, s.wrong(BadAnswer, fmt.Errorf("the answer lists %d pods, at most %d are read", len(raw.Items), maxPods))
	}
	return raw, nil
}

func decodePod(s source, i int, item json.RawMessage, pod *corev1.Pod) error {
	if err := json.Unmarshal(item, pod); err != nil {
		return s.wrong(BadAnswer, fmt.Errorf("pod %d of the answer: %w", i, err))
	}
	if pod.Name == "" || pod.Namespace == "" {
		return s.wrong(BadAnswer, fmt.Errorf("pod %d of the answer has no name or no namespace", i))
	}
	return nil
}
