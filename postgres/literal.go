package postgres

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// literal writes a value as an SQL literal of no type, which the server reads as the type
// of the parameter. It holds with standard_conforming_strings on.
func literal(value any, oid uint32) (string, error) {
	text, null, err := literalText(value, oid)
	switch {
	case err != nil:
		return "", err
	case null:
		return "NULL", nil
	case strings.ContainsRune(text, 0):
		return "", errors.New("text with a zero byte")
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'", nil
}

func literalText(value any, oid uint32) (text string, null bool, err error) {
	switch v := value.(type) {
	case nil:
		return "", true, nil
	case string:
		return v, false, nil
	case bool:
		return strconv.FormatBool(v), false, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10), false, nil
		}
		return strconv.FormatFloat(v, 'g', -1, 64), false, nil
	case json.Number:
		return v.String(), false, nil
	case []any:
		if oid == pgtype.JSONOID || oid == pgtype.JSONBOID {
			break
		}
		text, err := arrayText(v)
		return text, false, err
	}
	b, err := json.Marshal(value)
	if err != nil {
		return "", false, err
	}
	if len(b) > 0 && b[0] == '"' { // a time, an identifier: what it says, not how JSON writes it
		err = json.Unmarshal(b, &text)
		return text, false, err
	}
	return string(b), false, nil
}

// arrayText writes a list as an array: {"a","b"}.
func arrayText(list []any) (string, error) {
	parts := make([]string, len(list))
	for i, v := range list {
		if inner, ok := v.([]any); ok {
			text, err := arrayText(inner)
			if err != nil {
				return "", err
			}
			parts[i] = text
			continue
		}
		text, null, err := literalText(v, 0)
		switch {
		case err != nil:
			return "", err
		case null:
			parts[i] = "NULL"
		default:
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		}
	}
	return "{" + strings.Join(parts, ",") + "}", nil
}
