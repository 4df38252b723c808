package fleet

// The wire form of the node section. The numbers are the format: never change one, never use one again.
type wireNode struct {
	Labels        map[string]string `cbor:"1,keyasint,omitempty"`
	Annotations   map[string]string `cbor:"2,keyasint,omitempty"`
	Taints        []wireTaint       `cbor:"3,keyasint,omitempty"`
	Unschedulable bool              `cbor:"4,keyasint,omitempty"`
	Conditions    []wireCondition   `cbor:"5,keyasint,omitempty"`
	Addresses     []wireAddress     `cbor:"6,keyasint,omitempty"`
	Info          wireInfo          `cbor:"7,keyasint,omitempty"`
	AgentVersion  string            `cbor:"8,keyasint,omitempty"`
	Kubelet       string            `cbor:"9,keyasint,omitempty"`
	Specs         []byte            `cbor:"10,keyasint,omitempty"`
	Created       int64             `cbor:"11,keyasint,omitempty"`
	Started       int64             `cbor:"12,keyasint,omitempty"`
	LeftOut       Counts            `cbor:"13,keyasint,omitempty"`
}

type wireTaint struct {
	Key    string `cbor:"1,keyasint"`
	Value  string `cbor:"2,keyasint,omitempty"`
	Effect string `cbor:"3,keyasint"`
	Added  int64  `cbor:"4,keyasint,omitempty"`
}

type wireCondition struct {
	Type       string `cbor:"1,keyasint"`
	Status     string `cbor:"2,keyasint"`
	Reason     string `cbor:"3,keyasint,omitempty"`
	Message    string `cbor:"4,keyasint,omitempty"`
	Transition int64  `cbor:"5,keyasint,omitempty"`
}

type wireAddress struct {
	Type    string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint"`
}

type wireInfo struct {
	Kubelet string `cbor:"1,keyasint,omitempty"`
	OSImage string `cbor:"2,keyasint,omitempty"`
	Kernel  string `cbor:"3,keyasint,omitempty"`
	Runtime string `cbor:"4,keyasint,omitempty"`
	Arch    string `cbor:"5,keyasint,omitempty"`
	OS      string `cbor:"6,keyasint,omitempty"`
}

// nodeShape is the keys above.
func nodeShape() shape {
	return shape{
		1: nil, 2: nil, 3: {1: nil, 2: nil, 3: nil, 4: nil}, 4: nil, 5: {1: nil, 2: nil, 3: nil, 4: nil, 5: nil},
		6: {1: nil, 2: nil},
		7: {1: nil, 2: nil, 3: nil, 4: nil, 5: nil, 6: nil}, 8: nil, 9: nil, 10: nil, 11: nil, 12: nil,
		13: {1: nil, 2: nil, 3: nil, 4: nil, 5: nil, 6: nil},
	}
}
