package strictyaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// jsonValue is one JSON value with its tree.
type jsonValue struct {
	node *yaml.Node
	raw  []byte
}

// readJSON reads the JSON values of a chunk into the same kind of tree that YAML gives.
func (p *parser) readJSON(c chunk) ([]jsonValue, error) {
	data := c.data
	if rest, ok := bytes.CutPrefix(data, []byte("---")); ok {
		data = append([]byte("   "), rest...)
	}
	r := jsonReader{
		src: p.src, data: data, base: c.offset, dec: json.NewDecoder(bytes.NewReader(data)),
		depth: p.lim.MaxDepth, nodes: 2 * p.lim.MaxNodes,
	}
	r.dec.UseNumber()
	var out []jsonValue
	for {
		start := r.next()
		node, err := r.value()
		if errors.Is(err, io.EOF) && start >= len(data) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, jsonValue{node, data[start:r.dec.InputOffset()]})
	}
}

type jsonReader struct {
	src   *source
	data  []byte
	base  int
	dec   *json.Decoder
	depth int
	nodes int      // that may still be made; MaxNodes itself is held against the finished tree
	last  position // of the last node
}

// position is a place in the file. Tokens come in order, so that each is found from the one before: counting from the
// beginning of the line would take for ever where all of a file is one line.
type position struct{ offset, line, column int }

var (
	errJSONDepth = errors.New("nested too deeply")
	errJSONNodes = errors.New("too many values")
)

// next is the offset of the next token.
func (r *jsonReader) next() int {
	at := int(r.dec.InputOffset())
	for at < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[at]) >= 0 {
		at++
	}
	return at
}

func (r *jsonReader) value() (*yaml.Node, error) {
	at := r.next()
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	if r.nodes--; r.nodes < 0 {
		return nil, errJSONNodes
	}
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.Line, n.Column = r.place(r.base + at)
	switch tok := tok.(type) {
	case json.Delim:
		return n, r.children(n, tok)
	case string:
		n.Tag, n.Value, n.Style = "!!str", tok, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!int", tok.String()
		if bytes.ContainsAny([]byte(n.Value), ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(tok)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

func (r *jsonReader) place(offset int) (line, column int) {
	between := r.src.data[r.last.offset:offset]
	if r.last.line == 0 || bytes.IndexByte(between, '\n') >= 0 {
		r.last.line, r.last.column = r.src.place(offset)
	} else {
		r.last.column += utf8.RuneCount(between)
	}
	r.last.offset = offset
	return r.last.line, r.last.column
}

func (r *jsonReader) children(n *yaml.Node, open json.Delim) error {
	if r.depth--; r.depth < 0 {
		return errJSONDepth
	}
	defer func() { r.depth++ }()
	n.Kind, n.Tag, n.Style = yaml.MappingNode, "!!map", yaml.FlowStyle
	if open == '[' {
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	}
	for r.dec.More() {
		c, err := r.value()
		if err != nil {
			return eofInside(err)
		}
		n.Content = append(n.Content, c)
	}
	_, err := r.dec.Token()
	return eofInside(err)
}

func eofInside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// jsonProblem reports JSON that cannot be parsed.
func (p *parser) jsonProblem(c chunk, err error) {
	p.index++
	offset := len(bytes.TrimRight(c.data, " \t\r\n"))
	message := "the JSON ends too early"
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
		offset, message = syntaxOffset(c.data, syntax), "not valid JSON"
		if text := syntax.Error(); utf8.ValidString(text) && !secretText(c.data) {
			message += ": " + text
		}
	} else if errors.Is(err, errJSONDepth) {
		offset, message = 0, fmt.Sprintf("nested deeper than %d levels", p.lim.MaxDepth)
	}
	line, column := p.src.place(c.offset + offset)
	p.fail(spot{line, column, 1}, secretText(c.data), message, "")
}

// syntaxOffset is where the character stands that an error names: the decoder counts it in or not, depending on what
// it was about to read.
func syntaxOffset(data []byte, err *json.SyntaxError) int {
	at := min(int(err.Offset), len(data))
	if at < len(data) && strings.Contains(err.Error(), "'"+string(data[at])+"'") && (at == 0 || data[at-1] != data[at]) {
		return at
	}
	return at - 1
}
