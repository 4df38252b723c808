package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ids(t Thresholds) []string {
	var out []string
	for _, one := range t.List {
		text := one.id()
		if one.MinReclaim != nil {
			text += "+" + one.MinReclaim.String()
		}
		out = append(out, text)
	}
	return out
}

func TestParseThresholds(t *testing.T) {
	for name, test := range map[string]struct {
		config ThresholdConfig
		want   []string
	}{
		"nothing set": {ThresholdConfig{}, []string{
			"imagefs.available<15%/0s", "imagefs.inodesFree<5%/0s", "memory.available<100Mi/0s",
			"nodefs.available<10%/0s", "nodefs.inodesFree<5%/0s", "allocatableMemory.available<100Mi/0s",
		}},
		"an empty map is not nil": {ThresholdConfig{EvictionHard: map[string]string{}}, nil},
		"a partial map drops the defaults": {
			ThresholdConfig{EvictionHard: map[string]string{"nodefs.available": "1Gi"}},
			[]string{"nodefs.available<1Gi/0s"},
		},
		"unless they are merged": {
			ThresholdConfig{EvictionHard: map[string]string{"nodefs.available": "1Gi", "pid.available": "50", "imagefs.available": "0%"}, MergeDefaultEvictionSettings: true},
			[]string{
				"imagefs.inodesFree<5%/0s", "memory.available<100Mi/0s", "nodefs.available<1Gi/0s", "nodefs.inodesFree<5%/0s",
				"pid.available<50/0s", "allocatableMemory.available<100Mi/0s",
			},
		},
		"0% and 100% switch off": {
			ThresholdConfig{EvictionHard: map[string]string{"nodefs.available": "0%", "imagefs.available": "100%"}}, nil,
		},
		"soft ones need a grace period and are not copied to allocatable": {
			ThresholdConfig{
				EvictionHard:            map[string]string{},
				EvictionSoft:            map[string]string{"memory.available": "1Gi", "nodefs.available": "20%"},
				EvictionSoftGracePeriod: map[string]string{"memory.available": "90s", "nodefs.available": "2m"},
			},
			[]string{"memory.available<1Gi/1m30s", "nodefs.available<20%/2m0s"},
		},
		"minimum reclaim, also of the copy": {
			ThresholdConfig{
				EvictionHard:            map[string]string{"memory.available": "100Mi", "nodefs.available": "10%"},
				EvictionMinimumReclaim:  map[string]string{"memory.available": "0", "nodefs.available": "5%"},
				EvictionSoftGracePeriod: nil,
			},
			[]string{"memory.available<100Mi/0s+0", "nodefs.available<10%/0s+5%", "allocatableMemory.available<100Mi/0s+0"},
		},
		"pods are not enforced": {
			ThresholdConfig{EvictionHard: map[string]string{"memory.available": "100Mi"}, EnforceNodeAllocatable: []string{}},
			[]string{"memory.available<100Mi/0s"},
		},
		"containerfs says nothing of its own": {
			ThresholdConfig{EvictionHard: map[string]string{"containerfs.available": "10%", "containerfs.inodesFree": "1"}}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseThresholds(test.config)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ids(got)); diff != "" {
				t.Errorf("thresholds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseThresholdsErrors(t *testing.T) {
	_, err := ParseThresholds(ThresholdConfig{
		EvictionHard: map[string]string{
			"nodefs.free": "10%", "memory.available": "lots", "nodefs.available": "101%", "nodefs.inodesFree": "-1%",
			"imagefs.available": "0", "imagefs.inodesFree": "NaN%",
		},
		EvictionSoft:            map[string]string{"pid.available": "10"},
		EvictionSoftGracePeriod: map[string]string{"memory.available": "-1s", "x": "1s", "nodefs.available": "soon"},
		EvictionMinimumReclaim:  map[string]string{"memory.available": "-1", "nodefs.available": "0%", "y": "1"},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`evictionHard: nodefs.free: "10%": unknown eviction signal`, `evictionHard: memory.available: "lots"`,
		`evictionHard: nodefs.available: "101%": a percentage`, `evictionHard: nodefs.inodesFree: "-1%": a percentage`,
		`evictionHard: imagefs.available: "0": a quantity has to be above zero`, `evictionHard: imagefs.inodesFree: "NaN%": want a number`,
		`evictionSoft has pid.available but evictionSoftGracePeriod has not`,
		`evictionSoftGracePeriod: memory.available: "-1s": a grace period cannot be negative`, `evictionSoftGracePeriod: x: "1s": unknown`,
		`evictionSoftGracePeriod: nodefs.available: "soon"`, `evictionMinimumReclaim: memory.available: "-1": a quantity cannot`,
		`evictionMinimumReclaim: nodefs.available: "0%": a percentage has to be above zero`, `evictionMinimumReclaim: y: "1": unknown`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestThresholdsZeroPeriod(t *testing.T) {
	if got := (Thresholds{}).period(); got != DefaultTransitionPeriod {
		t.Errorf("period() = %s, want %s", got, DefaultTransitionPeriod)
	}
}
