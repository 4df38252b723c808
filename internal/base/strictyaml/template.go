package strictyaml

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// marks is what template languages put between other text: Go and Jinja, Jinja's and ERB's statements, autoconf.
var marks = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|@@?[A-Za-z_][\w.-]*@@?`)

// alone is a line, or an item of a list, that is a placeholder and nothing else, so that it is no key and no value.
var alone = regexp.MustCompile(`(?m)^[ \t]*(?:- +)?` +
	`(\$\{[^}\n]*\}|\$[A-Za-z_]\w*|__\w+__|%\w+%|<[A-Za-z_][\w.-]*>)[ \t]*\r?$`)

// template reports a document that cannot be parsed because it is a template that nobody has rendered, and says whether
// it is one: it can be parsed without what is between the marks, or the line at fault has one. Text within quotes may
// have marks and is no template. One is reported for a file, for one is enough to know.
func (p *parser) template(c chunk, err error) bool {
	found, whole := marks.FindIndex(c.data), alone.FindSubmatchIndex(c.data)
	if found == nil && whole == nil {
		return false
	}
	text, line := parserMessage(err)
	if len(c.data) <= locateBytes {
		if at := firstBadLine(c.data, text); at > 0 {
			line = at
		}
	}
	from, to := lineOf(c.data, line)
	if at := marks.FindIndex(c.data[from:to]); at != nil {
		p.isTemplate(c, from+at[0], from+at[1])
		return true
	}
	if at := alone.FindSubmatchIndex(c.data[from:to]); at != nil {
		p.isTemplate(c, from+at[2], from+at[3])
		return true
	}
	if _, err := yamlNode(unmarked(c.data)); err != nil {
		return false
	}
	if found == nil {
		found = whole[2:4]
	}
	p.isTemplate(c, found[0], found[1])
	return true
}

// lineOf is where a line of the text, counted from 1, begins and ends.
func lineOf(data []byte, line int) (from, to int) {
	for ; line > 1; line-- {
		i := bytes.IndexByte(data[from:], '\n')
		if i < 0 {
			break
		}
		from += i + 1
	}
	if i := bytes.IndexByte(data[from:], '\n'); i >= 0 {
		return from, from + i
	}
	return from, len(data)
}

// unmarked is the text without lines that are only marks, and with a word in the place of the other marks.
func unmarked(data []byte) []byte {
	const word = "\x00"
	data = alone.ReplaceAll(data, nil)
	data = marks.ReplaceAll(data, []byte(word))
	lines := bytes.Split(data, []byte("\n"))
	for i, line := range lines {
		if rest := bytes.ReplaceAll(line, []byte(word), nil); len(bytes.TrimSpace(rest)) == 0 {
			lines[i] = nil
		}
	}
	return bytes.ReplaceAll(bytes.Join(lines, []byte("\n")), []byte(word), []byte("x"))
}

// isTemplate reports that the text from one byte of a chunk to another is a placeholder.
func (p *parser) isTemplate(c chunk, from, to int) {
	line, column := p.src.place(c.offset + from)
	first, _, _ := strings.Cut(string(c.data[from:to]), "\n")
	p.failTemplate(spot{line, column, max(1, utf8.RuneCountInString(first))}, secretText(c.data), first)
}

func (p *parser) failTemplate(at spot, hidden bool, placeholder string) {
	if p.templated {
		return
	}
	p.templated = true
	message, hint := "this is a template, and has to be rendered first", ""
	if len(placeholder) <= 80 && !hidden && utf8.ValidString(placeholder) {
		message += ": " + placeholder + " is not YAML"
		hint = "put the value in the place of " + placeholder + ", or quote it if it belongs to the value"
	}
	if helm.MatchString(placeholder) {
		hint = `give what "helm template" prints, or quote it if it belongs to the value`
	}
	p.fail(at, hidden, message, hint)
}

// helm is how the actions of Helm's templates begin.
var helm = regexp.MustCompile(`^\{\{(?:-|/\*|\s*\.|` +
	`\s*(?:\$|include|template|if|range|with|end|else|define|tpl|toYaml)\b)`)

// placeholderKey is the text of {{name}} when a mapping that is a key was meant as that: YAML takes the braces for a
// mapping whose key is a mapping.
func (p *parser) placeholderKey(n *yaml.Node) (string, spot, bool) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle == 0 {
		return "", spot{}, false
	}
	line := []rune(p.src.line(n.Line))
	begin := n.Column - 2 // the brace before this one
	if begin < 0 || begin >= len(line) || line[begin] != '{' {
		return "", spot{}, false
	}
	at := marks.FindString(string(line[begin:]))
	if !strings.HasPrefix(at, "{{") {
		return "", spot{}, false
	}
	return at, spot{n.Line, n.Column - 1, utf8.RuneCountInString(at)}, true
}
