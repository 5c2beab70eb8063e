package notebook

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// The types of an input cell. Its config is {"type", "label", "value"}, for a list also "of": text or number.
const (
	inputText    = "text"
	inputNumber  = "number"
	inputDate    = "date"
	inputBoolean = "boolean"
	inputList    = "list"
)

const (
	labelLength = 200
	listLength  = 1000
)

var number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// checkInput checks the config of an input cell and answers with it as it is kept: numbers as text, so that none is rounded.
func checkInput(config map[string]any) (map[string]any, error) {
	for key := range config {
		switch key {
		case "type", "label", "value", "of":
		default:
			return nil, invalid("config", fmt.Sprintf("%s is not known. Use type, label, value and, for a list, of", key))
		}
	}
	kind, _ := config["type"].(string)
	of, _ := config["of"].(string)
	label, ok := config["label"].(string)
	if config["label"] != nil && !ok || len(label) > labelLength {
		return nil, invalid("label", fmt.Sprintf("Use at most %d characters", labelLength))
	}
	if kind != inputList && config["of"] != nil || of != "" && of != inputText && of != inputNumber {
		return nil, invalid("of", "Use text or number, and only for a list")
	}
	value, err := keptValue(kind, of, config["value"])
	if err != nil {
		return nil, err
	}
	kept := map[string]any{"type": kind, "label": label, "value": value}
	if of != "" {
		kept["of"] = of
	}
	return kept, nil
}

// keptValue checks a value of an input cell. Nil is no value; it is bound as NULL.
func keptValue(kind, of string, v any) (any, error) {
	if kind == inputList {
		return keptList(of, v)
	}
	if v == nil {
		switch kind {
		case inputText, inputNumber, inputDate, inputBoolean:
			return nil, nil
		}
		return nil, invalid("type", "Use text, number, date, list or boolean")
	}
	switch s, isText := v.(string); kind {
	case inputText:
		if isText {
			return s, nil
		}
		return nil, invalid("value", "Use text")
	case inputNumber:
		return keptNumber(v)
	case inputDate:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, invalid("value", "Use a date like 2024-12-31")
		}
		return s, nil
	case inputBoolean:
		if b, err := strconv.ParseBool(fmt.Sprint(v)); err == nil {
			return b, nil
		}
		return nil, invalid("value", "Use true or false")
	}
	return nil, invalid("type", "Use text, number, date, list or boolean")
}

func keptNumber(v any) (any, error) {
	text := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		if math.Abs(f) > 1<<53 {
			return nil, invalid("value", "Write so long a number in quotes, so that none of its digits is lost")
		}
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !number.MatchString(text) {
		return nil, invalid("value", "Use a number like 12 or -3.50")
	}
	return text, nil
}

func keptList(of string, v any) (any, error) {
	list := []any{}
	switch v := v.(type) {
	case nil:
	case []any:
		list = append(list, v...)
	default:
		return nil, invalid("value", "Use a list")
	}
	if len(list) > listLength {
		return nil, invalid("value", fmt.Sprintf("Use at most %d values", listLength))
	}
	for i, item := range list {
		kind := inputText
		if of == inputNumber {
			kind = inputNumber
		}
		if item == nil {
			return nil, invalid("value", "A list cannot hold an empty value")
		}
		kept, err := keptValue(kind, "", item)
		if err != nil {
			return nil, err
		}
		list[i] = kept
	}
	return list, nil
}

// bound is the value of an input cell as a statement gets it.
func bound(config map[string]any) any {
	kind, _ := config["type"].(string)
	of, _ := config["of"].(string)
	if list, ok := config["value"].([]any); ok {
		out := make([]any, len(list))
		for i, v := range list {
			out[i] = boundScalar(of, v)
		}
		return out
	}
	return boundScalar(kind, config["value"])
}

func boundScalar(kind string, v any) any {
	if s, ok := v.(string); ok && kind == inputNumber {
		return Number(s)
	}
	return v
}

// Number is a number as the type that holds all its digits: int64, else float64 where it writes the same digits again, else
// the text, which the server reads.
func Number(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == s {
		return f
	}
	return s
}
