package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds nesting, and with it an alias that contains itself.
const maxDepth = 100

// ToJSON converts one YAML document to JSON with aliases and merge keys resolved and the order of the members kept: a reader
// expects the paths in the order in which the author wrote them, and a Go map would sort them.
func ToJSON(doc []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, errors.New("read YAML: the document is empty")
	}
	var out bytes.Buffer
	if err := writeNode(&out, root.Content[0], 0); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeNode(out *bytes.Buffer, n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return writeNode(out, n.Alias, depth+1)
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeNode(out, item, depth+1); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case yaml.MappingNode:
		members, err := membersOf(n, depth)
		if err != nil {
			return err
		}
		out.WriteByte('{')
		for i, m := range members {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeValue(out, m.name); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := writeNode(out, m.value, depth+1); err != nil {
				return err
			}
		}
		out.WriteByte('}')
		return nil
	case yaml.ScalarNode:
		var v any
		if err := n.Decode(&v); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return writeValue(out, v)
	default:
		return fmt.Errorf("line %d: a node of an unknown kind", n.Line)
	}
}

type member struct {
	name  string
	value *yaml.Node
}

// membersOf lists a mapping's members, those of a merge key (`<<: *other`) included; the mapping's own win over them.
func membersOf(n *yaml.Node, depth int) ([]member, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	var members []member
	at := map[string]int{}
	set := func(m member, own bool) {
		if i, ok := at[m.name]; !ok {
			at[m.name] = len(members)
			members = append(members, m)
		} else if own {
			members[i].value = m.value
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag != "!!merge" {
			set(member{key.Value, value}, true)
			continue
		}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if value.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: a merge key takes one mapping here", key.Line)
		}
		merged, err := membersOf(value, depth+1)
		if err != nil {
			return nil, err
		}
		for _, m := range merged {
			set(m, false)
		}
	}
	return members, nil
}

func writeValue(out *bytes.Buffer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	out.Write(b)
	return nil
}
