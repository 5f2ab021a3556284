package source

import "slices"

// Overlay lays a map over the document's root: maps are merged key by key, all else replaces, lists
// too, and null takes a key away. What comes from over is marked with layer. A key that only over
// has comes last.
func (d *Doc) Overlay(over *Node, layer string) { d.Root = overlay(d.Root, over, layer) }

// Drop takes a member away from the document's root.
func (d *Doc) Drop(name string) {
	root := *d.Root
	root.Keys = slices.DeleteFunc(slices.Clone(root.Keys), func(k Key) bool { return k.Name == name })
	d.Root = &root
}

// With gives a map in which a member has another value; the map itself stays as it is.
func (n *Node) With(name string, value *Node) *Node {
	out := *n
	out.Keys = slices.Clone(n.Keys)
	for i := range out.Keys {
		if out.Keys[i].Name == name {
			out.Keys[i].Value = value
		}
	}
	return &out
}

// Only gives a map with those members alone that are kept; the map itself stays as it is.
func (n *Node) Only(keep func(Key) bool) *Node {
	out := *n
	out.Keys = slices.DeleteFunc(slices.Clone(n.Keys), func(k Key) bool { return !keep(k) })
	return &out
}

func overlay(base, over *Node, layer string) *Node {
	if base == nil || base.Kind != Map || over.Kind != Map {
		return marked(over, layer)
	}
	out := *base
	out.Keys = slices.Clone(base.Keys)
	for _, k := range over.Keys {
		at := slices.IndexFunc(out.Keys, func(b Key) bool { return b.Name == k.Name })
		switch {
		case k.Value.Kind == Null && at >= 0:
			out.Keys = slices.Delete(out.Keys, at, at+1)
		case k.Value.Kind == Null:
		case at >= 0:
			out.Keys[at].Value = overlay(out.Keys[at].Value, k.Value, layer)
		default:
			k.Value = marked(k.Value, layer)
			out.Keys = append(out.Keys, k)
		}
	}
	return &out
}

// marked copies a node and marks it and all below; nulls in maps go, as there is nothing to take away.
func marked(n *Node, layer string) *Node {
	out := *n
	out.Layer, out.Items, out.Keys = layer, nil, nil
	for _, i := range n.Items {
		out.Items = append(out.Items, marked(i, layer))
	}
	for _, k := range n.Keys {
		if k.Value.Kind == Null {
			continue
		}
		k.Value = marked(k.Value, layer)
		out.Keys = append(out.Keys, k)
	}
	return &out
}
