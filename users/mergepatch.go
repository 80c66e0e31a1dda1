package users

import (
	"bytes"
	"encoding/json"
)

// MergePatch applies a JSON Merge Patch (RFC 7396) to metadata and returns the
// result in the form of [NormalizeMetadata]: a member that is null in the patch
// is removed, an object is merged into the one that is there, and everything
// else replaces what is there. A patch that is no object, or a result that
// cannot be stored, is an *InputError.
func MergePatch(metadata, patch json.RawMessage) (json.RawMessage, error) {
	changes, err := decodeObject(patch)
	if err != nil {
		return nil, err
	}
	target := map[string]any{}
	if len(bytes.TrimSpace(metadata)) > 0 {
		if target, err = decodeObject(metadata); err != nil {
			return nil, err
		}
	}
	merged, err := json.Marshal(merge(target, changes))
	if err != nil {
		return nil, &InputError{"metadata", "is not a JSON object"}
	}
	return NormalizeMetadata(merged)
}

func decodeObject(raw json.RawMessage) (map[string]any, error) {
	if err := checkNames(raw); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil || len(bytes.TrimSpace(raw[decoder.InputOffset():])) > 0 {
		return nil, &InputError{"metadata", "is not a JSON object"}
	}
	return object, nil
}

// merge is the function MergePatch of RFC 7396 section 2, for objects.
func merge(target, patch map[string]any) map[string]any {
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			inner, ok := target[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
			}
			target[name] = merge(inner, value)
		default:
			target[name] = value
		}
	}
	return target
}
