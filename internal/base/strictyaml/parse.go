package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
	kjson "sigs.k8s.io/json"
	kyaml "sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Parse reads a file's bytes. Every document without a problem of its own is in the result, in order; a document that
// cannot be parsed is a Problem and does not keep the others from being read. Documents that are empty or hold only
// comments are skipped.
func Parse(file string, data []byte, lim Limits) ([]*Document, diag.List) {
	lim = lim.orDefault()
	p := &parser{src: newSource(file, data), lim: lim, nodes: lim.MaxNodes}
	if p.checkText() {
		p.parse()
	}
	return p.docs, p.problems.List()
}

type parser struct {
	src      *source
	lim      Limits
	nodes    int // what is left of lim.MaxNodes
	index    int // of the document being read
	docs     []*Document
	problems diag.Collector
	// templated is set when the file has been reported to be a template.
	templated bool
}

func (p *parser) fail(at spot, hidden bool, message, hint string) {
	if p.problems.Full(diag.Error) {
		p.problems.Add(diag.Problem{Severity: diag.Error})
		return
	}
	p.problems.Add(p.src.problem(diag.Error, at, message, hint, hidden))
}

var utf8BOM = []byte("\xef\xbb\xbf")

// checkText finds what makes the whole file unusable. Nothing of such a file is shown: it may be anything.
func (p *parser) checkText() bool {
	data := p.src.data
	if int64(len(data)) > p.lim.MaxBytes {
		p.fail(spot{1, 1, 1}, true, fmt.Sprintf("the file has %d bytes, more than the limit of %d", len(data),
			p.lim.MaxBytes), "split it")
		return false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		p.fail(spot{1, 1, 1}, true, "the file is UTF-16, wanted UTF-8", "save it as UTF-8")
		return false
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		message, hint := badRune(r, size, i)
		if message != "" {
			line, column := p.src.place(i)
			p.fail(spot{line, column, 1}, true, message, hint)
			return false
		}
		i += size
	}
	return true
}

func badRune(r rune, size, at int) (message, hint string) {
	switch {
	case r == utf8.RuneError && size == 1:
		return "invalid UTF-8", "save the file as UTF-8"
	case r == 0:
		return "a NUL byte, which no text file has", "is this a text file that was written whole?"
	case r == '\uFEFF' && at > 0:
		return "a byte order mark inside the file", "remove it; it is left over from joining files"
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
		return fmt.Sprintf("the control character U+%04X", r), "remove it, or write it as an escape in double quotes"
	}
	return "", ""
}

func (p *parser) parse() {
	data := p.src.data
	if rest, ok := bytes.CutPrefix(data, utf8BOM); ok {
		data = rest
		p.src = newSource(p.src.file, data)
		p.problems.Add(p.src.problem(diag.Info, spot{1, 1, 1}, "the file begins with a byte order mark, which is ignored", "",
			true))
	}
	for _, c := range split(data) {
		if c.empty() {
			continue
		}
		if p.index >= p.lim.MaxDocuments {
			p.fail(spot{c.line + 1, 1, 1}, true, fmt.Sprintf("more than %d documents in one file", p.lim.MaxDocuments),
				"split it")
			return
		}
		p.parseChunk(c)
		if p.nodes < 0 {
			return
		}
	}
}

// parseChunk reads a document that begins like JSON as JSON, and as YAML when it is not that after all, as kubectl
// does.
func (p *parser) parseChunk(c chunk) {
	text := bytes.TrimLeft(c.data, " \t\r\n")
	if len(text) == 0 || text[0] != '{' {
		p.parseYAML(c)
		return
	}
	values, jsonErr := p.readJSON(c)
	if jsonErr == nil {
		hidden := slices.ContainsFunc(values, func(v jsonValue) bool { return hasSecret(v.node) })
		for _, v := range values {
			p.add(v.node, v.raw, c, hidden)
		}
		return
	}
	if errors.Is(jsonErr, errJSONNodes) {
		p.tooManyNodes(spot{c.line + 1, 1, 1})
		return
	}
	if _, err := yamlNode(c.data); err != nil {
		if p.template(c, err) {
			p.index++
			return
		}
		p.jsonProblem(c, jsonErr)
		return
	}
	p.parseYAML(c)
}

// tooManyNodes ends the reading of the file.
func (p *parser) tooManyNodes(at spot) {
	p.fail(at, true, fmt.Sprintf("the documents of this file have more than %d keys and values, aliases counted as what "+
		"they stand for", p.lim.MaxNodes), "split it")
	p.nodes = -1
}

func (p *parser) parseYAML(c chunk) {
	node, err := yamlNode(c.data)
	if err != nil {
		if !p.template(c, err) {
			p.syntaxProblem(c, err)
		}
		p.index++
		return
	}
	if node == nil {
		return
	}
	shift(node, c.line)
	p.add(node, nil, c, hides(node))
}

// yamlNode is the one document of a chunk; nil when there is none.
func yamlNode(data []byte) (node *yaml.Node, err error) {
	// The parser has panicked on odd input before; an agent must not go down because of a file.
	defer func() {
		if r := recover(); r != nil {
			node, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, &trailingError{more.Line}
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return doc.Content[0], nil
}

// shift moves the lines of a tree from the chunk's to the file's.
func shift(n *yaml.Node, lines int) {
	if lines == 0 {
		return
	}
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines)
	}
}

// add checks a parsed document and keeps it. raw is its JSON, or nil to convert the YAML of the chunk.
func (p *parser) add(node *yaml.Node, raw []byte, from chunk, hidden bool) {
	index := p.index
	p.index++
	if isNull(node) {
		return
	}
	if !p.scan(node, hidden) {
		return
	}
	if raw == nil {
		converted, err := toJSON(from.data)
		if err != nil {
			p.conversionProblem(node, err, hidden)
			return
		}
		raw = converted
	}
	var value any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &value); err != nil {
		p.conversionProblem(node, err, hidden)
		return
	}
	d := newDocument(p.src, index, node, value)
	d.hidden = hidden
	p.docs = append(p.docs, d)
}

func toJSON(data []byte) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	return kyaml.YAMLToJSON(data)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
