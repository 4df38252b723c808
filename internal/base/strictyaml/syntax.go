package strictyaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// trailingError is text after the end of a document.
type trailingError struct{ line int }

func (e *trailingError) Error() string {
	return fmt.Sprintf("yaml: line %d: text after the end of the document", e.line)
}

// locateBytes is the size up to which the line of a syntax error is searched for; above, the parser's own is taken.
const locateBytes = 256 << 10

// syntaxProblem reports YAML that cannot be parsed.
func (p *parser) syntaxProblem(c chunk, err error) {
	hidden := secretText(c.data)
	text, line := parserMessage(err)
	if len(c.data) <= locateBytes {
		line = cmp.Or(firstBadLine(c.data, text), line)
	}
	line = min(max(line, 1)+c.line, p.src.lastLine())
	e := explain(text, p.src.line(line))
	if hidden && e.quotes {
		e.message = "not valid YAML"
	}
	at := spot{line, e.column, e.width}
	p.fail(at, hidden, e.message, e.hint)
}

var lineInError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// parserMessage splits a message of the YAML libraries into text and line; the line is 0 when there is none.
func parserMessage(err error) (text string, line int) {
	text = err.Error()
	m := lineInError.FindStringSubmatch(text)
	line, _ = strconv.Atoi(m[1])
	return text[len(m[0]):], line
}

// firstBadLine finds the smallest number of lines that already fails the same way. The parser tells where the thing
// begins that it could not finish, often many lines before the mistake.
func firstBadLine(data []byte, text string) int {
	ends := []int{}
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		ends = append(ends, len(data))
	}
	low, high := 1, len(ends)
	for low < high {
		mid := (low + high) / 2
		_, err := yamlNode(data[:ends[mid-1]])
		if err != nil && sameFailure(err, text) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

func sameFailure(err error, text string) bool {
	if _, ok := errors.AsType[*trailingError](err); ok {
		return strings.HasPrefix(text, "text after")
	}
	got, _ := parserMessage(err)
	return got == text
}

// explanation is what is told about a line that cannot be parsed.
type explanation struct {
	message, hint string
	column, width int
	quotes        bool // message repeats a part of the file
}

// explain puts the parser's message into words that say what to do.
func explain(text, line string) explanation {
	e := explanation{message: "not valid YAML: " + text, column: indent(line) + 1, width: 1}
	tab := strings.IndexByte(line[:len(line)-len(strings.TrimLeft(line, " \t"))], '\t')
	switch {
	case tab >= 0 && (strings.Contains(text, "cannot start any token") || strings.Contains(text, "tab character")):
		e.message, e.hint, e.column = "a tab in the indentation", "indent with spaces", tab+1
	case strings.Contains(text, "mapping values are not allowed"):
		e.message, e.hint = `a ": " where no key can be`,
			"quote the value if the colon belongs to it, else check the indentation"
		if i := secondColon(line); i > 0 {
			e.column = i
		}
	case strings.Contains(text, "did not find expected key"), strings.Contains(text, "expected '-' indicator"),
		strings.Contains(text, "text after"), strings.Contains(text, "expected <document start>"):
		e.message, e.hint, e.width = "this line does not fit the ones above it", "check its indentation", textWidth(line)
	case strings.Contains(text, "could not find expected ':'"):
		e.message, e.hint, e.width = `wanted a key followed by ": "`, "", textWidth(line)
	case strings.Contains(text, "unexpected end of stream"):
		e.message, e.hint, e.width = "a quoted text without its end", "", textWidth(line)
	case strings.Contains(text, "expected ',' or"), strings.Contains(text, "expected node content"):
		e.message, e.hint, e.width = "a list or mapping in brackets without its end, or a comma is missing", "",
			textWidth(line)
	case strings.Contains(text, "unknown anchor"):
		e.quotes = true
		e.column, e.width = anchorColumn(text, line)
		e.hint = "quote the value if the asterisk belongs to it"
	case strings.Contains(text, "cannot start any token"):
		e.message, e.hint = "not valid YAML: a value cannot begin with this character", "quote the value"
		if i := strings.IndexAny(line, "@`%"); i >= 0 {
			e.column = utf8.RuneCountInString(line[:i]) + 1
		}
	}
	return e
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

func textWidth(line string) int { return max(1, utf8.RuneCountInString(strings.TrimSpace(line))) }

func secondColon(line string) int {
	first := strings.Index(line, ": ")
	if first < 0 {
		return 0
	}
	second := strings.Index(line[first+2:], ":")
	if second < 0 {
		return utf8.RuneCountInString(line[:first]) + 1
	}
	return utf8.RuneCountInString(line[:first+2+second]) + 1
}

var anchorName = regexp.MustCompile(`unknown anchor '([^']*)'`)

func anchorColumn(text, line string) (column, width int) {
	if m := anchorName.FindStringSubmatch(text); m != nil {
		if i := strings.Index(line, "*"+m[1]); i >= 0 {
			return utf8.RuneCountInString(line[:i]) + 1, 1 + utf8.RuneCountInString(m[1])
		}
	}
	return indent(line) + 1, 1
}

// conversionProblem reports a document whose tree is fine and whose value could not be had.
func (p *parser) conversionProblem(node *yaml.Node, err error, hidden bool) {
	hidden = hidden || hasSecret(node)
	message := "cannot be read as a value"
	if !hidden {
		text, _ := parserMessage(err)
		message += ": " + text
	}
	p.fail(p.src.at(node), hidden, message, "")
}

// secretText guesses whether text that cannot be parsed holds a Secret. Showing one line less is better than one too
// many.
func secretText(data []byte) bool {
	lower := bytes.ToLower(data)
	if bytes.Contains(lower, []byte("secret")) || bytes.Contains(lower, []byte("stringdata")) {
		return true
	}
	for _, m := range kindText.FindAllSubmatch(data, -1) {
		if kind := string(m[1]); strings.Contains(kind, `\`) || secretKind(kind) {
			return true
		}
	}
	return false
}

var kindText = regexp.MustCompile(`(?i)kind["']?\s*:\s*["']?([^"'\s,}]*)`)

// keyName is a key for a message, with a space before it. Of a Secret only what can be a name is shown: a text with a
// space or a sign in it is more likely a value that slipped.
func keyName(name string, hidden bool) string {
	if hidden && !plainName(name) {
		return ""
	}
	return " " + quoteName(name)
}

func plainName(s string) bool {
	return len(s) <= 63 && strings.Trim(s, "-._/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// quoteName quotes a name from a file for a message and cuts it when it is long.
func quoteName(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "..."
	}
	return strconv.Quote(s)
}
