package strictyaml

import "bytes"

// chunk is the text of one YAML document, its markers included, and how many lines of the file stand before it.
type chunk struct {
	data   []byte
	offset int // bytes before it
	line   int // lines before it
}

// split cuts a file at its document markers, so that one document that cannot be parsed does not hide the others. A
// line that begins with "---" or "..." ends a document wherever it stands, even within quotes (YAML 1.2, 9.1.2).
func split(data []byte) []chunk {
	var out []chunk
	cur := chunk{}
	begun := false // the current chunk has a marker or content
	for at, line := 0, 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		text := data[at:end]
		switch {
		case isMarker(text, "---"):
			if begun {
				cur.data = data[cur.offset:at]
				out = append(out, cur)
				cur = chunk{offset: at, line: line}
			}
			begun = true
		case isMarker(text, "..."):
			cur.data = data[cur.offset:end]
			out = append(out, cur)
			cur, begun = chunk{offset: end, line: line + 1}, false
		case !begun:
			begun = !isBlank(text) && text[0] != '%'
		}
		at = end
	}
	cur.data = data[cur.offset:]
	return append(out, cur)
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// isBlank says whether a line has neither content nor a marker: it is empty or a comment.
func isBlank(line []byte) bool {
	line = bytes.TrimLeft(line, " \t\r\n")
	return len(line) == 0 || line[0] == '#'
}

// empty says whether the chunk has nothing but comments, directives and markers.
func (c chunk) empty() bool {
	for line := range bytes.Lines(c.data) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok && isMarker(line, "---") {
			line = rest
		}
		if !isBlank(line) && line[0] != '%' && !isMarker(line, "...") {
			return false
		}
	}
	return true
}
