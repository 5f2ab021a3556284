// Package source reads files that know their lines: YAML and JSON as trees of nodes with places,
// ${VAR} inside scalars, and a JSON Schema whose findings point at the place with a caret.
//
// It knows no ECS and no file name of ours. Nothing in a value can change the structure:
// variables are put into scalars after parsing. Read Parse first, then Doc.
package source

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a node is, in JSON's terms.
type Kind int

// The kinds of nodes.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

// Node is a value with its place. Line and Column count from 1, in characters.
type Node struct {
	Kind   Kind
	Line   int
	Column int
	Text   string  // String: the value; Number and Bool: as JSON writes it
	Raw    string  // Number: as the file has it, 012 say
	Items  []*Node // List
	Keys   []Key   // Map, in the file's order, each name once

	Layer string   // what Merge laid it over the file as; empty: the file's own
	Vars  []string // the variables Fill took Text from, as they are written; a default's is VAR:-

	filled bool // Text came from a variable, so a number or a boolean in it counts as such
	plain  bool // String: written without quotes
}

// Key is a member of a map, with the place of its name.
type Key struct {
	Name   string
	Line   int
	Column int
	Value  *Node
}

// Get gives a member of a map, or nil.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Keys {
		if k.Name == name {
			return k.Value
		}
	}
	return nil
}

// Doc is a parsed file.
type Doc struct {
	Name string // as errors show it
	Root *Node

	text   string
	filled bool           // Fill was everywhere
	seen   map[*Node]bool // strings that Fill has filled; merged ones stand in several maps
}

// Problem is something wrong at a place of a file.
type Problem struct {
	File   string
	Line   int // from 1; 0 where there is no place
	Column int // from 1
	Msg    string
	Hint   string
	text   string
}

// Error gives place and message in one line, then the lines before it with a caret below the place.
func (p *Problem) Error() string {
	var b strings.Builder
	if p.Line == 0 {
		fmt.Fprintf(&b, "%s: %s", p.File, p.Msg)
	} else {
		fmt.Fprintf(&b, "%s:%d:%d: %s", p.File, p.Line, p.Column, p.Msg)
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	b.WriteString(p.snippet())
	return b.String()
}

// snippetLines is how many lines before the place a snippet shows.
const snippetLines = 2

func (p *Problem) snippet() string {
	lines := strings.Split(p.text, "\n")
	if p.Line < 1 || p.Line > len(lines) {
		return ""
	}
	var b strings.Builder
	width := len(strconv.Itoa(p.Line))
	for i := max(1, p.Line-snippetLines); i <= p.Line; i++ {
		mark := " "
		if i == p.Line {
			mark = ">"
		}
		fmt.Fprintf(&b, "\n%s %*d | %s", mark, width, i, strings.TrimRight(strings.ReplaceAll(lines[i-1], "\t", " "), "\r"))
	}
	fmt.Fprintf(&b, "\n%s^", strings.Repeat(" ", width+5+p.Column-1))
	return b.String()
}

// Problems are all that is wrong with a file, in the file's order.
type Problems []*Problem

// Error gives every problem, each with its lines and caret.
func (ps Problems) Error() string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Error())
	}
	return strings.Join(all, "\n")
}

// At makes a Problem at a node of the document.
func (d *Doc) At(n *Node, hint, format string, args ...any) *Problem {
	p := &Problem{File: d.Name, Msg: fmt.Sprintf(format, args...), Hint: hint, text: d.text}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	return p
}

func (d *Doc) atKey(k Key, hint, format string, args ...any) *Problem {
	return d.At(&Node{Line: k.Line, Column: k.Column}, hint, format, args...)
}
