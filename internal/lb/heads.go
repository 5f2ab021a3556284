package lb

import (
	"bytes"
	"strconv"
)

// maxVerdicts is how many requests a client may send ahead of their answers before the rest is
// taken for ambiguous.
const maxVerdicts = 64

// heads follows the bytes of a client's connection from request to request, as net/http frames
// them, and judges each head as it came: net/http forgets what tells smugglers. It never changes
// what is read.
type heads struct {
	state    headState
	line     []byte // of a head or a chunk's size, so far
	size     int    // of the head so far
	left     int64  // bytes of the body, or of the chunk, to come
	now      headFacts
	verdicts []verdict // of the heads that ended and were not taken
}

type headState int

const (
	inHead    headState = iota
	inBody              // of known length
	chunkSize           // the line before a chunk
	inChunk
	chunkEnd // the line after a chunk
	inTrailer
	inTunnel // whatever comes is not HTTP any more, or not worth reading
)

// longestHead is where following a connection ends; such a head is refused anyway.
const longestHead = 2 * maxHeaders

// feed follows some more bytes.
func (h *heads) feed(p []byte) {
	for len(p) > 0 {
		switch h.state {
		case inTunnel:
			return
		case inBody, inChunk:
			n := min(int64(len(p)), h.left)
			p, h.left = p[n:], h.left-n
			if h.left == 0 {
				if h.state == inBody {
					h.state = inHead
				} else {
					h.state = chunkEnd
				}
			}
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			h.keep(p)
			return
		}
		line := p[:end]
		if len(h.line) > 0 {
			h.keep(line)
			line = h.line
		}
		p = p[end+1:]
		if h.state == inHead {
			h.size += len(line)
		}
		h.read(bytes.TrimSuffix(line, []byte("\r")))
		h.line = h.line[:0]
	}
}

func (h *heads) keep(p []byte) {
	if h.line = append(h.line, p...); len(h.line) > longestHead || h.size > longestHead {
		h.state, h.line = inTunnel, nil
	}
}

// half reports whether a head has begun that is not complete.
func (h *heads) half() bool { return h.state == inHead && (h.now.begun || len(h.line) > 0) }

// read takes a whole line.
func (h *heads) read(line []byte) {
	switch h.state {
	case inHead:
		switch {
		case !h.now.begun && len(line) == 0: // empty lines before a request are passed over
		case !h.now.begun:
			h.now.first(line)
		case len(line) == 0:
			h.ended()
		default:
			h.now.field(line)
		}
	case chunkSize:
		text, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 16, 64)
		switch {
		case err != nil || n < 0:
			h.state = inTunnel // net/http refuses it
		case n == 0:
			h.state = inTrailer
		default:
			h.state, h.left = inChunk, n
		}
	case chunkEnd:
		h.state = chunkSize
	case inTrailer:
		if len(line) == 0 {
			h.state = inHead
		}
	}
}

// ended judges a head that is complete, and goes on to what follows it.
func (h *heads) ended() {
	f := h.now
	f.judge()
	if len(h.verdicts) >= maxVerdicts {
		h.verdicts = h.verdicts[:maxVerdicts-1]
		f.worsen(ambiguous, "TooManyRequestsAhead")
	}
	h.verdicts = append(h.verdicts, f.verdict)
	h.now, h.size = headFacts{lengths: f.lengths[:0], coding: f.coding[:0]}, 0
	switch {
	case f.class == severe:
		h.state = inTunnel
	case len(f.coding) > 0 && !f.old:
		h.state = chunkSize
	case len(f.lengths) > 0:
		if h.left, _ = strconv.ParseInt(f.lengths[0], 10, 64); h.left > 0 { // judged already
			h.state = inBody
		}
	}
}

// unserved is what is seen of the head that nobody took yet, complete or not.
func (h *heads) unserved() verdict {
	if len(h.verdicts) > 0 {
		return h.verdicts[0]
	}
	v := h.now.verdict
	v.long = v.long || !h.now.begun && len(h.line) > maxLine
	return v
}

// take gives the verdict of the oldest head that was not taken.
func (h *heads) take() verdict {
	if len(h.verdicts) == 0 {
		return verdict{}
	}
	v := h.verdicts[0]
	h.verdicts = append(h.verdicts[:0], h.verdicts[1:]...)
	return v
}
